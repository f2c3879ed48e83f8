import { randomUUID } from 'node:crypto';
import { produce } from './produce.ts';
import { type TopicMessage, readTopic } from './read-topic.ts';
import type { System } from './system.ts';

/** As many as a system of the tests has of each topic. */
const PARTITIONS = 4;

/** Every dead letter so far, the last one of each origin, under the place it came from: `<topic>/<partition>/<offset>`. */
export async function deadLetters(system: System): Promise<Map<string, TopicMessage>> {
  // One behind what each partition holds.
  const marker = randomUUID();
  await produce(
    system,
    'dead-letters',
    Array.from({ length: PARTITIONS }, (_, partition) => ({ key: marker, value: '', partition })),
  );
  let seen = 0;
  const all = await readTopic(system, 'dead-letters', (messages) => {
    if (messages.at(-1)?.key === marker) seen++;
    return seen >= PARTITIONS;
  });
  return new Map(
    all
      .filter(({ headers }) => headers['x-origin-topic'] !== undefined)
      .map((letter) => [originOf(letter), letter]),
  );
}

function originOf({ headers }: TopicMessage): string {
  return `${headers['x-origin-topic']}/${headers['x-origin-partition']}/${headers['x-origin-offset']}`;
}
