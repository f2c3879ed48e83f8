import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import type { Claim, ClaimRoom } from '#database/claim.queries';
import { holdRelayLease } from '#database/outbox.queries';
import { Catalogue } from '#providers/catalogue';
import type { Dispatcher } from '../../apps/worker/src/engine/dispatcher.ts';
import type { Executor } from '../../apps/worker/src/engine/executor.ts';
import type { Holdings } from '../../apps/worker/src/engine/holdings.ts';
import { Settler } from '../../apps/worker/src/engine/settler.ts';
import { KnownEvents } from '../../apps/worker/src/events/known-events.ts';
import { Relay } from '../../apps/worker/src/events/relay.ts';
import { Ingest } from '../../apps/worker/src/ingest/ingest.ts';
import { ActionMetrics } from '../../apps/worker/src/metrics/action-metrics.ts';
import { PATIENTLY } from '../kafka/kafka-under-test.ts';
import { TestDatabase, command, roomAt, times } from '../support/database.ts';
import { kafkaThatTakes } from '../support/kafka-that-takes.ts';

/** No look into the outbox is for its time. */
const SETTINGS = loadSettings({ LEASE_MS: '3000', RELAY_INTERVAL_MS: '600000' });

describe('what a worker has committed itself', () => {
  let database: TestDatabase;
  let relay: Relay;
  let ingest: Ingest;
  let settler: Settler;
  /** What the ingest has claimed. */
  let claims: Claim[];
  /** How many events each request to Kafka had. */
  let sends: number[];
  /** What Kafka waits for before it answers. */
  let answers: Promise<void>;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(async () => {
    await database.clear();
    [claims, sends, answers] = [[], [], Promise.resolve()];
    const metrics = new ActionMetrics(new Registry(), new Catalogue([]));
    relay = new Relay(database.dataSource, kafka(), metrics, SETTINGS);
    settler = new Settler(database.dataSource, relay, SETTINGS);
    const holdings = {
      claimsMax: 100,
      claim: async (_: unknown, take: (room: ClaimRoom) => Promise<Claim[]>) => {
        claims.push(...(await take(roomAt())));
        return [];
      },
    };
    ingest = new Ingest(
      database.dataSource,
      holdings as unknown as Holdings,
      { start: () => undefined, onRoom: () => undefined } as unknown as Executor,
      { noteWaiting: () => undefined } as unknown as Dispatcher,
      relay,
      metrics,
      SETTINGS,
    );
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await relay.stop();
  });
  afterAll(() => database?.drop());

  const kafka = () =>
    kafkaThatTakes(async (events) => {
      sends.push(events);
      await answers;
    });
  const leads = () => vi.waitFor(() => expect(relay.leads).toBe(true), PATIENTLY);
  const isPublished = (events: number) =>
    vi.waitFor(async () => {
      expect(sends.reduce((sum, count) => sum + count, 0)).toBe(events);
      expect(await database.query('SELECT FROM outbox')).toEqual([]);
    }, PATIENTLY);
  const endLease = () => database.query(`UPDATE relay_lease SET "leaseUntil" = '-infinity'`);
  const endAll = () =>
    Promise.all(claims.map(async (claim) => settler.settle({ ...claim, type: 'completed' })));
  /** Of the statements from now on, those with this in them. */
  function statementsWith(pattern: RegExp): () => number {
    const query = vi.spyOn(database.manager, 'query');
    return () => query.mock.calls.filter(([text]) => pattern.test(text)).length;
  }
  const readsOfLogs = () => statementsWith(/FROM "security_action_event"/);
  const looksIntoOutbox = () => statementsWith(/^\s*SELECT "position".* FROM "outbox"/s);
  /** Relays, and has looked: whoever relays anew cannot know what is there. */
  async function relaysAlone(): Promise<void> {
    relay.loop.start();
    await leads();
    await ingest.store([command({ target: 'first' })]);
    await isPublished(2);
  }

  it('is published without being read', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answers = promise;
    relay.loop.start();
    await leads();
    // While it waits for this one to be taken it does not look, be it right between a commit and the news of it.
    await database.ingest(command({ provider: 'Acme/Other', target: 'another' }));
    relay.noteMore();
    await vi.waitFor(() => expect(sends).toEqual([1]), PATIENTLY);
    await ingest.store(times(3, (index) => command({ target: `h${index}` })));
    await endAll();
    const reads = readsOfLogs();
    resolve();
    await isPublished(10);
    expect(reads()).toBe(0);
  });

  it('is published without a look into the outbox once nothing else is there', async () => {
    await relaysAlone();
    const looks = looksIntoOutbox();
    await ingest.store(times(3, (index) => command({ target: `h${index}` })));
    await endAll();
    await isPublished(12);
    expect(looks()).toBe(0);
  });

  it('is published again, after a look, if Kafka did not take it', async () => {
    await relaysAlone();
    const looks = looksIntoOutbox();
    answers = Promise.reject(new Error('Kafka is away.'));
    answers.catch(() => undefined);
    await ingest.store([command({ target: 'second' })]);
    await vi.waitFor(() => expect(sends.length).toBeGreaterThan(1), PATIENTLY);
    answers = Promise.resolve();
    await vi.waitFor(
      async () => expect(await database.query('SELECT FROM outbox')).toEqual([]),
      PATIENTLY,
    );
    expect(sends.at(-1)).toBe(2);
    expect(looks()).toBeGreaterThan(0);
  });

  it('is not kept by a worker that does not relay', async () => {
    const started = vi.spyOn(KnownEvents.prototype, 'started');
    await ingest.store(times(3, (index) => command({ target: `h${index}` })));
    await endAll();
    expect(started).not.toHaveReturnedWith(true);
    const reads = readsOfLogs();
    relay.loop.start();
    await isPublished(9);
    expect(reads()).toBeGreaterThan(0);
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'after others have',
      async () => {
        await holdRelayLease(database.manager, 'another worker', 60_000);
        await vi.waitFor(() => expect(relay.leads).toBe(false), PATIENTLY);
        await endLease();
        await leads();
      },
    ],
    [
      'and has not seen that others have meanwhile',
      async () => {
        await database.query('UPDATE relay_lease SET "epoch" = "epoch" + 1');
        const renewals = vi.spyOn(database.manager, 'query');
        await vi.waitFor(
          () =>
            expect(renewals.mock.calls.some(([text]) => /INTO "relay_lease"/.test(text))).toBe(
              true,
            ),
          PATIENTLY,
        );
        renewals.mockRestore();
      },
    ],
  ])('is read by a worker that relays again %s', async (_, change) => {
    relay.loop.start();
    await leads();
    await ingest.store([command()]);
    await isPublished(2);
    await endLease();
    await change();
    const reads = readsOfLogs();
    await endAll();
    await isPublished(3);
    expect(reads()).toBeGreaterThan(0);
  });
});
