import kafkajs, { type Kafka } from 'kafkajs';
import pg from 'pg';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Settings, loadSettings } from '#config/settings';
import { Catalogue } from '#providers/catalogue';
import { Relay } from '../../apps/worker/src/events/relay.ts';
import { isTooLarge } from '#kafka/kafka-errors';
import { partitionOf, producingKafka, protocolError } from '#kafka/producing-kafka.fixture';
import { topicName } from '#kafka/topics';
import { ActionMetrics } from '../../apps/worker/src/metrics/action-metrics.ts';
import { KafkaUnderTest, PATIENTLY } from '../kafka/kafka-under-test.ts';
import { kafkaThatTakes } from '../support/kafka-that-takes.ts';
import { TestDatabase, command, times } from '../support/database.ts';
import { type TopicMessage, readTopic } from '../support/read-topic.ts';

/** So long that no test could wait for a third of it. */
const LEASE_MS = '600000';

const LARGE_BYTES = 8000;

describe('the relay', () => {
  let database: TestDatabase;
  let relay: Relay | undefined;
  const under = new KafkaUnderTest({ LEASE_MS });

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(async () => {
    vi.restoreAllMocks();
    await relay?.stop();
  });
  afterAll(() => database?.drop());

  /** A relay whose events go to `send`. */
  function relayTo(send: (events: number) => Promise<void>): Relay {
    return relayOn(kafkaThatTakes(send), loadSettings({ LEASE_MS }));
  }

  async function deletionsThatWait(): Promise<number> {
    const waiting = await database.query(
      `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%DELETE FROM "outbox"%'`,
    );
    return waiting.length;
  }

  function relayOn(kafka: Kafka, settings: Settings): Relay {
    const metrics = new ActionMetrics(new Registry(), new Catalogue([]));
    return new Relay(database.dataSource, kafka, metrics, settings);
  }

  /** Sets how large a batch of events may be. Returns when the broker goes by it, which it does a little later. */
  async function limitEvents(bytesMax: number): Promise<void> {
    const topic = topicName(under.settings.KAFKA_TOPIC_PREFIX, 'events');
    const admin = under.kafka.admin();
    const producer = under.kafka.producer({ retry: { retries: 0 } });
    await Promise.all([admin.connect(), producer.connect()]);
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'max.message.bytes', value: String(bytesMax) }],
        },
      ],
    });
    const probe = { key: 'probe', value: 'x'.repeat(LARGE_BYTES) };
    await vi.waitFor(async () => {
      const error: unknown = await producer
        .send({ topic, messages: [probe] })
        .then(() => undefined)
        .catch((reason: unknown) => reason);
      expect(error === undefined || isTooLarge(error)).toBe(true);
      expect(isTooLarge(error)).toBe(bytesMax < LARGE_BYTES);
    }, PATIENTLY);
    await Promise.all([admin.disconnect(), producer.disconnect()]);
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

  it('has forgotten what it has published when it stops, in its last step too', async () => {
    await database.ingest(command({ target: 'a' }));
    let sends = 0;
    let stopped: Promise<void> | undefined;
    relay = relayTo(async () => {
      sends += 1;
      if (sends > 1) return;
      // Left to the last step.
      await database.ingest(command({ target: 'b' }));
      stopped = relay!.stop();
    });
    relay.loop.start();
    await vi.waitFor(() => expect(stopped).toBeDefined(), { timeout: 10_000 });
    await stopped;
    expect(await database.query('SELECT FROM outbox')).toEqual([]);
    expect(sends).toBe(2);
  });

  it('publishes nothing again while the deletion of it has to wait', async () => {
    await database.ingest(command({ target: 'a' }));
    const sends: number[] = [];
    relay = relayTo(async (events) => {
      sends.push(events);
    });
    const holder = new pg.Client(database.settings.DATABASE_URL);
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM outbox FOR UPDATE');
      relay.loop.start();
      await expect.poll(deletionsThatWait, PATIENTLY).toBe(1);
      await database.ingest(command({ target: 'b' }));
      relay.loop.wake();
      const wokenAtMs = performance.now();
      await expect.poll(() => performance.now() - wokenAtMs).toBeGreaterThan(300);
      expect(sends).toHaveLength(1);
    } finally {
      // It lets go.
      await holder.end();
    }
    await expect.poll(() => database.query('SELECT FROM outbox'), PATIENTLY).toEqual([]);
    expect(sends).toHaveLength(2);
  });

  it('stops while Kafka is away, and leaves its lease and its events to another worker', async () => {
    await database.ingest(command());
    let tries = 0;
    const producer = {
      connect: () => {
        tries += 1;
        return Promise.reject(new Error('connect ECONNREFUSED'));
      },
      disconnect: () => Promise.resolve(),
    };
    relay = relayOn({ producer: () => producer } as unknown as Kafka, loadSettings({ LEASE_MS }));
    relay.loop.start();
    await vi.waitFor(() => expect(tries).toBeGreaterThan(1), PATIENTLY);
    await relay.stop();
    expect(await database.query('SELECT FROM outbox')).toHaveLength(1);
    expect(
      await database.query('SELECT FROM relay_lease WHERE "leaseUntil" > clock_timestamp()'),
    ).toEqual([]);
  });

  it('holds nobody up by a partition that lacks replicas, writes nothing twice that others take a little later, and goes on when it has them', async () => {
    const ids = await database.ingest(
      ...times(40, (index) => command({ target: `host-${index}` })),
    );
    const short = partitionOf(ids[0]!);
    const [waiting, others] = [true, false].map((isShort) =>
      ids.filter((id) => (partitionOf(id) === short) === isShort).toSorted(),
    );
    let isShort = true;
    const written: string[] = [];
    let tries = 0;
    const kafka = producingKafka((_texts, _topic, keys) => {
      const [refused, taken] = [true, false].map((hasNoPlace) =>
        keys.filter((key) => (isShort && partitionOf(key) === short) === hasNoPlace),
      );
      written.push(...taken!);
      if (refused!.length === 0) return Promise.resolve();
      tries += 1;
      const answers = {
        code: 19,
        refusedOnly: [short],
        writtenOnly: [...new Set(taken!.map(partitionOf))],
        writtenAfterMs: 15,
      };
      return Promise.reject(protocolError('NOT_ENOUGH_REPLICAS', true, answers));
    });
    const left = async () => {
      const rows = await database.query<{ actionId: string }>('SELECT "actionId" FROM outbox');
      return rows.map(({ actionId }) => actionId).toSorted();
    };
    relay = relayOn(kafka, loadSettings({ LEASE_MS, RELAY_BATCH_MAX: '10' }));
    relay.loop.start();
    await expect.poll(left, PATIENTLY).toEqual(waiting);
    await expect.poll(() => tries, PATIENTLY).toBeGreaterThan(2);
    expect(written.toSorted()).toEqual(others);

    isShort = false;
    await expect.poll(left, PATIENTLY).toEqual([]);
    expect(written.toSorted()).toEqual(ids.toSorted());
  });

  it('holds nobody up by an event that is too large for its topic, keeps the order of its action, and tries again after a minute', async () => {
    await under.topics();
    await limitEvents(LARGE_BYTES / 2);
    const large = command({ target: 'large' });
    large.action.actionReason = 'x'.repeat(LARGE_BYTES);
    // Together above the limit as well, so that the one at fault has to be found.
    const small = times(20, (index) => command({ target: `small-${index}` }));
    const [before, after] = [small.slice(0, 10), small.slice(10)];
    await database.ingest(...before, large, ...after);
    await database.query(
      `INSERT INTO outbox ("azureTenantId", "actionId", "sequence")
       SELECT "azureTenantId", "actionId", "sequence" FROM outbox WHERE "actionId" = $1`,
      [large.action.id],
    );
    const waiting = () =>
      database.query<{ actionId: string }>('SELECT "actionId" FROM outbox ORDER BY "position"');
    relay = relayOn(under.kafka, under.settings);
    relay.loop.start();
    const { id } = large.action;
    await vi.waitFor(
      async () => expect(await waiting()).toEqual([{ actionId: id }, { actionId: id }]),
      PATIENTLY,
    );
    const smallIds = new Set(small.map(({ action }) => action.id));
    const keysOf = (events: TopicMessage[]) =>
      new Set(events.map(({ key }) => key).filter((key) => key !== 'probe'));
    const published = await readTopic(
      under.place,
      'events',
      (events) => keysOf(events).size >= smallIds.size,
    );
    expect(keysOf(published)).toEqual(smallIds);

    // What comes meanwhile of others goes on.
    const [later] = await database.ingest(command({ target: 'later' }));
    await readTopic(under.place, 'events', (all) => all.some(({ key }) => key === later));

    await limitEvents(1_048_588);
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 61_000);
    relay.loop.wake();
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), PATIENTLY);
    await readTopic(under.place, 'events', (events) => keysOf(events).has(id));
  }, 120_000);
});
