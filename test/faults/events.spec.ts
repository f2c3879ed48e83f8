import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Client, simulate } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';
import { randomNumbers } from '../support/random.ts';
import { type TopicMessage, readWholeTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';

const WORKERS = 3;
const ROUNDS = 5;
const ACTIONS_PER_ROUND = 200;

/** What history and topic must agree on. */
interface Event {
  sequence: number;
  type: string;
  status: string;
  dateTime: string;
}

describe('the events topic', () => {
  let system: System;
  afterEach(() => system?.stop());

  it('read from its start is the history of every action, in order, after two of three workers were killed at random again and again: nothing is missing, what is repeated is the same', async () => {
    system = await System.start({
      workers: WORKERS,
      // The failures here are meant: the provider is to be called on.
      env: { LEASE_MS: '3000', CIRCUIT_FAILURES_MAX: '10000' },
    });
    const client = await system.client();
    const random = randomNumbers(20_261_126);
    const ids: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const created = inParallel(actions(random), 8, (action) => run(client, action));
      await eventsMore(50 + Math.floor(random() * 400));
      const spared = Math.floor(random() * WORKERS);
      const killed = system.workers.filter((_, index) => index !== spared);
      await Promise.all(killed.map((worker) => worker.kill()));
      await Promise.all(killed.map((worker) => worker.restart()));
      ids.push(...(await created));
    }
    await allPublished(ids.length);

    const byAction = Map.groupBy(await readWholeTopic(system, 'events'), ({ key }) => key!);
    const histories = await inParallel(ids, 16, (id) => history(client, id));
    expect(byAction.size).toBe(ids.length);
    for (const [index, id] of ids.entries()) {
      expect(firstOccurrences(byAction.get(id)!)).toEqual(histories[index]!.map(onTheTopic));
    }
    expect([...byAction.values()].flatMap(changedRepeats)).toEqual([]);
    const types = new Set(histories.flat().map(({ type }) => type));
    expect(['attemptFailed', 'failed', 'cancelled'].filter((type) => !types.has(type))).toEqual([]);
  }, 300_000);

  const countEvents = async () => {
    const [row] = await system.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM security_action_event',
    );
    return row!.count;
  };

  const eventsMore = async (count: number) => {
    const enough = (await countEvents()) + count;
    await vi.waitFor(async () => expect(await countEvents()).toBeGreaterThan(enough), {
      timeout: 60_000,
      interval: 10,
    });
  };

  const allPublished = (count: number) =>
    vi.waitFor(
      async () => {
        const { Completed = 0, Failed = 0 } = await system.statuses();
        expect(Completed + Failed).toBe(count);
        expect(await system.query('SELECT FROM outbox')).toEqual([]);
      },
      { timeout: 120_000, interval: 250 },
    );
});

interface Planned {
  body: ReturnType<typeof simulate>;
  isCancelled: boolean;
}

/** Some that fail, some that are tried again, some that wait for each other, some that are cancelled. */
function actions(random: () => number): Planned[] {
  return Array.from({ length: ACTIONS_PER_ROUND }, () => {
    const isShared = random() < 0.3;
    const parameters = {
      delayMs: String(Math.floor(random() * 150)),
      failAttempts: String(random() < 0.3 ? 1 + Math.floor(random() * 3) : 0),
      outcome: random() < 0.2 ? 'Failed' : 'Completed',
      ...(isShared && { target: `host-${Math.floor(random() * 20)}` }),
    };
    return { body: simulate(parameters), isCancelled: random() < 0.2 };
  });
}

async function run(client: Client, { body, isCancelled }: Planned): Promise<string> {
  const id = await client.created(body);
  // Too late for some (409); some are not stored yet (503), while partitions are without workers.
  if (isCancelled) await client.cancel(id);
  return id;
}

async function history(client: Client, id: string): Promise<Event[]> {
  const path = `beta/security/securityActions/${id}/history`;
  const { body } = await client.request<{ value: Event[] }>('GET', path);
  return body.value.map(({ sequence, type, status, dateTime }) => ({
    sequence,
    type,
    status,
    dateTime,
  }));
}

function onTheTopic({ type, ...event }: Event): Event {
  return { ...event, type: `securityActions.${type}` };
}

/** The events of one action without their repeats, in the order of the topic. */
function firstOccurrences(messages: TopicMessage[]): Event[] {
  const seen = new Set<string>();
  const first = messages.filter(({ headers: { ce_id: id } }) => !seen.has(id!) && seen.add(id!));
  return first.map(({ headers, value }) => ({
    sequence: Number(headers['ce_sequence']),
    type: headers['ce_type']!,
    status: (JSON.parse(value!) as { status: string }).status,
    dateTime: headers['ce_time']!,
  }));
}

/** Repeats that are not what was said the first time, by their id. */
function changedRepeats(messages: TopicMessage[]): string[] {
  const byId = Map.groupBy(messages, ({ headers }) => headers['ce_id']!);
  return [...byId]
    .filter(([, same]) => new Set(same.map((message) => JSON.stringify(message))).size > 1)
    .map(([id]) => id);
}
