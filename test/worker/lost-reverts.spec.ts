import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { lockTimers, markRequested } from '#database/reverts.queries';
import { deriveId } from '#domain/ids';
import type { ProjectionProgress } from '#kafka/projection-progress';
import type { Publisher } from '#kafka/publisher';
import type { RequestsProgress } from '#kafka/requests-progress';
import { Catalogue } from '#providers/catalogue';
import { actionEntry, providerEntry } from '#providers/provider-entry.fixture';
import type { Relay } from '../../apps/worker/src/events/relay.ts';
import { BacklogWatch } from '../../apps/worker/src/metrics/backlog-watch.ts';
import { Reverts } from '../../apps/worker/src/reverts/reverts.ts';
import { PROVIDER, TENANT, TestDatabase, command } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

/** A provider file that had a revert for `Isolate` once. */
const LOST = new Catalogue([
  providerEntry({ vendor: 'Acme', provider: 'Idempotent', actions: [actionEntry('Isolate')] }),
]);
const MENDED = new Catalogue([
  providerEntry({
    vendor: 'Acme',
    provider: 'Idempotent',
    actions: [{ ...actionEntry('Isolate'), revert: 'Release' }, actionEntry('Release')],
  }),
]);
const DUE = { timer: { revertAfter: 'PT0.001S' } };

/* Nothing here is published: whoever tries fails its test. */
describe('a timed revert that the provider file has lost', () => {
  let database: TestDatabase;
  let reverts: Reverts | undefined;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(async () => {
    await reverts?.beforeApplicationShutdown();
    await assertSound(database);
  });
  afterAll(() => database?.drop());

  const publish = vi.fn<() => Promise<void>>();
  const start = () => {
    const publisher = { healthy: true, publish } as unknown as Publisher;
    reverts = new Reverts(database.dataSource, publisher, LOST, database.settings);
    reverts.loop.start();
  };
  const timers = () =>
    database.query<{ isAhead: boolean }>(
      `SELECT "lookDateTime" > clock_timestamp() AS "isAhead" FROM security_action_revert`,
    );
  const looked = () =>
    vi.waitFor(async () => expect(await timers()).toEqual([{ isAhead: true }]), 10_000);
  const eventsOf = async (id: string) => (await database.events(id)).map(({ type }) => type);

  const ended = async (type: 'completed' | 'failed' = 'completed') => {
    const [id] = await database.ingest(command(DUE));
    const [claim] = await database.claim();
    const errorInfo = { code: 4, message: 'no', subcode: 0 };
    await database.settle(type === 'failed' ? { ...claim!, type, errorInfo } : { ...claim!, type });
    return id!;
  };
  /** As a worker that died after that left it: its command may be in the log. */
  const requested = (id: string) =>
    database.inTransaction(async (manager) => {
      const locked = await lockTimers(manager, [PROVIDER], 1);
      expect(locked.map(({ actionId }) => actionId)).toEqual([id]);
      await markRequested(manager, locked, 0);
    });

  /** What the worker that relays shows of a catalogue. */
  const shown = async (catalogue: Catalogue) => {
    const registry = new Registry();
    const relay = { leads: true } as Relay;
    const progress = { messagesBehind: () => Promise.resolve(new Map()) };
    const watch = new BacklogWatch(
      registry,
      database.dataSource,
      progress as unknown as ProjectionProgress,
      progress as unknown as RequestsProgress,
      relay,
      catalogue,
      database.settings,
    );
    watch.onApplicationBootstrap();
    const overdue = () => registry.getSingleMetric('security_actions_overdue_reverts')!.get();
    await vi.waitFor(async () => expect((await overdue()).values).toHaveLength(1), 10_000);
    await watch.beforeApplicationShutdown();
    return (await overdue()).values[0]!.value;
  };

  it('waits, and is counted until the file has it again', async () => {
    await ended();
    start();
    await looked();
    expect(publish).not.toHaveBeenCalled();
    expect(await shown(LOST)).toBe(1);
    expect(await shown(MENDED)).toBe(0);
  });

  it('ends all the same when there was no effect to undo', async () => {
    const id = await ended('failed');
    start();
    await vi.waitFor(async () => expect(await timers()).toEqual([]), 10_000);
    expect((await eventsOf(id)).at(-1)).toBe('revertDropped');
  });

  it('ends all the same when something newer stands on the target', async () => {
    const id = await ended();
    await database.ingest(command());
    start();
    await vi.waitFor(async () => expect(await timers()).toEqual([]), 10_000);
    expect((await eventsOf(id)).at(-1)).toBe('revertSuperseded');
  });

  it('ends as requested when its command had got into the log before', async () => {
    const id = await ended();
    await requested(id);
    const revertId = deriveId(TENANT, id, 'revert');
    await database.ingest(
      command({ id: revertId, action: 'Release', timer: { revertsActionId: id } }),
    );
    start();
    await vi.waitFor(async () => expect(await timers()).toEqual([]), 10_000);
    expect((await eventsOf(id)).at(-1)).toBe('revertRequested');
    expect((await database.row(id)).revertedByActionId).toBe(revertId);
    expect(publish).not.toHaveBeenCalled();
  });

  it('waits when nobody knows whether its command got into the log', async () => {
    await requested(await ended());
    start();
    await looked();
    expect(publish).not.toHaveBeenCalled();
  });
});
