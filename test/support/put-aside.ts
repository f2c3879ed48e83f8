import type { Caller } from '#domain/caller';
import { type DeadLetterCause, deadLetter } from '#kafka/dead-letter';
import { type MessageHeaders, sendableHeaders } from '#kafka/headers';
import { type LogicalTopic, topicName } from '#kafka/topics';
import { produce } from './produce.ts';
import type { System } from './system.ts';

/** A message that could not be used, and why; the rest is of no matter to the test. */
export interface LetterChoice {
  topic?: LogicalTopic;
  offset?: number;
  key?: string | null;
  value?: string | Buffer | null;
  headers?: Record<string, string>;
  /** When the broker had appended the original, in ms. */
  timestamp?: number;
  /** A caller of null: nobody has proved to have sent it. */
  cause?: Partial<Omit<DeadLetterCause, 'caller'>> & { caller?: Caller | null };
}

const CALLER = { tenantId: 'tenant-a', appId: 'app-1', user: null };
/** The time that brokers of these tests gave to the originals. */
const ORIGIN_TIMESTAMP = 1_800_000_000_000;

/** Puts messages aside as a worker does: they lie in the topic of dead letters when this returns. */
export async function putAside(
  { topicPrefix, kafkaBrokers }: Pick<System, 'topicPrefix' | 'kafkaBrokers'>,
  ...choices: LetterChoice[]
): Promise<void> {
  const messages = choices.map((choice, index) => {
    const { topic = 'requests', offset = index, key = null, value = '{}' } = choice;
    const { timestamp = ORIGIN_TIMESTAMP } = choice;
    const { caller = CALLER, ...cause } = choice.cause ?? {};
    const received = Object.entries(choice.headers ?? {}).map(([name, text]) => [
      name,
      [Buffer.from(text)],
    ]);
    const letter = deadLetter(
      { topicName: topicName(topicPrefix, topic), partition: 0 },
      {
        offset: String(offset),
        key: key === null ? null : Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        headers: Object.fromEntries(received) as MessageHeaders,
        timestamp,
        isTimestampOfBroker: true,
      },
      {
        code: 'unknownProvider',
        message: 'no such provider',
        attempts: 1,
        firstFailedAt: new Date(),
        ...cause,
        ...(caller && { caller }),
      },
    );
    const { key: sent, value: bytes, headers = {} } = letter;
    return { key: sent, value: bytes, headers: sendableHeaders(headers) };
  });
  await produce({ topicPrefix, kafkaBrokers }, 'dead-letters', messages);
}
