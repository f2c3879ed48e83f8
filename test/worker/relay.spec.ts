import type { Kafka } from 'kafkajs';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { Catalogue } from '#providers/catalogue';
import { Relay } from '../../apps/worker/src/events/relay.ts';
import { ActionMetrics } from '../../apps/worker/src/metrics/action-metrics.ts';
import { TestDatabase, command } from '../support/database.ts';

/** So long that no test could wait for a third of it. */
const LEASE_MS = '600000';

describe('the relay', () => {
  let database: TestDatabase;
  let relay: Relay | undefined;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  afterEach(() => relay?.stop());
  afterAll(() => database?.drop());

  /** A relay whose events go to `send`. */
  function relayTo(send: (events: number) => Promise<void>): Relay {
    const producer = {
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      sendBatch: async ({ topicMessages }: { topicMessages: { messages: unknown[] }[] }) => {
        const events = topicMessages.flatMap(({ messages }) => messages).length;
        if (events > 0) await send(events);
        return [];
      },
    };
    const kafka = { producer: () => producer } as unknown as Kafka;
    const metrics = new ActionMetrics(new Registry(), new Catalogue([]));
    const settings = loadSettings({ LEASE_MS });
    return new Relay(database.dataSource, kafka, metrics, settings);
  }

  it('goes on at once when its predecessor has deleted what it has just published', async () => {
    await database.ingest(command({ target: 'a' }));
    let sends = 0;
    relay = relayTo(async () => {
      sends += 1;
      // The predecessor's delete, of a lease that was lost only afterwards.
      if (sends === 1) await database.query('DELETE FROM outbox');
    });
    relay.loop.start();
    await vi.waitFor(() => expect(sends).toBe(1), { timeout: 10_000 });
    await database.ingest(command({ target: 'b' }));
    await vi.waitFor(
      async () => expect(await database.query('SELECT FROM outbox')).toHaveLength(0),
      { timeout: 10_000 },
    );
    expect(sends).toBe(2);
    expect(relay.leads).toBe(true);
  });
});
