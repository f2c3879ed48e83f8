import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { LEASE_MS_MAX } from '#config/longest-lease';
import { findAction } from '#database/action.queries';
import { toSecurityAction } from '#database/action-row';
import { cancelAction } from '#database/cancel.queries';
import {
  type RelayLease,
  deleteFromOutbox,
  dropRelayLease,
  holdRelayLease,
  placesBeside,
  readOutbox,
} from '#database/outbox.queries';
import { DECLARED_PROPERTIES, type SecurityAction } from '#domain/security-action';
import { TENANT, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const ERROR = { code: 4, message: 'The firewall said no.', subcode: 403 };
const CALLER = { tenantId: TENANT, appId: 'app-2', user: null };

describe('the outbox', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const read = (limit = 1000) => readOutbox(database.manager, { limit });
  const claimOne = async () => (await database.claim(1))[0]!;
  const resource = async (id: string, tenant = TENANT) =>
    toSecurityAction((await findAction(database.manager, tenant, id))!);

  /** Takes an action through every kind of event but the cancel. @returns the resource after each */
  async function lifeOf(id: string, end: 'completed' | 'failed'): Promise<SecurityAction[]> {
    const pictures = [await resource(id)];
    const retry = { next: 'call', dueInMs: 0, mayHaveActed: false, errorInfo: ERROR } as const;
    const first = await claimOne();
    pictures.push(await resource(id));
    await database.settle({ ...first, type: 'attemptFailed', ...retry });
    pictures.push(await resource(id));
    await database.settle({ ...(await claimOne()), type: end, errorInfo: ERROR });
    pictures.push(await resource(id));
    return pictures;
  }

  it('passes over what it is told to, however much that is, and gives what is behind it', async () => {
    const [first, second] = await database.ingest(
      command({ target: 'a' }),
      command({ target: 'b' }),
    );
    await database.query(
      `INSERT INTO outbox ("azureTenantId", "actionId", "sequence")
       SELECT "azureTenantId", "actionId", "sequence" FROM outbox, generate_series(1, 12000) WHERE "actionId" = $1`,
      [first],
    );
    const [third] = await database.ingest(command({ target: 'c' }));
    const beside = async (limit: number, without: string[] = []) => {
      const skips = ({ actionId }: { actionId: string }) => actionId === first;
      const places = await placesBeside(database.manager, { limit, without, skips });
      return places.map(({ actionId }) => actionId);
    };
    expect(await beside(10)).toEqual([second, third]);
    expect(await beside(1)).toEqual([second]);
    expect(await beside(10, [second!])).toEqual([third]);
    await database.query('DELETE FROM outbox');
  });

  it.each(['completed', 'failed'] as const)(
    'gives each event the resource as it was right after it, long after the action %s',
    async (end) => {
      const [id] = await database.ingest(command());
      const pictures = await lifeOf(id!, end);
      const events = await read();
      expect(events.map(({ action }) => action)).toEqual(pictures);
      expect(events.map(({ type, sequence }) => [type, sequence])).toEqual([
        ['created', 1],
        ['started', 2],
        ['attemptFailed', 3],
        [end, 4],
      ]);
      expect(events.map(({ action }) => [action.status, action.states.length])).toEqual([
        ['NotStarted', 1],
        ['Running', 2],
        ['Running', 2],
        [end === 'completed' ? 'Completed' : 'Failed', 3],
      ]);
      expect(events.map(({ action }) => action.errorInfo)).toEqual([
        null,
        null,
        null,
        end === 'failed' ? ERROR : null,
      ]);
      expect(events.map(({ action }) => action.completedDateTime !== null)).toEqual([
        false,
        false,
        false,
        true,
      ]);
    },
  );

  it('gives the resource in the order and spelling of Graph, dates as in every answer', async () => {
    const [id] = await database.ingest(command());
    await database.inTransaction((manager) =>
      cancelAction(manager, CALLER, id!, { canTakeBack: false }),
    );
    const events = await read();
    for (const { action, dateTime } of events) {
      expect(Object.keys(action)).toEqual([...DECLARED_PROPERTIES, 'ticket']);
      expect(action.lastActionDateTime).toBe(dateTime);
      expect(action.states.at(-1)).toMatchObject({
        status: action.status,
        updatedDateTime: dateTime,
      });
    }
    expect(events.at(-1)!.action.states.map(({ appId, user }) => [appId, user])).toEqual([
      ['app-1', 'ann@example.com'],
      ['app-2', null],
    ]);
  });

  it('gives the events of each action in their order, in slices of any size', async () => {
    const ids = await database.ingest(...times(12, (index) => command({ target: `h${index}` })));
    const claims = await database.claim();
    await Promise.all(claims.map((claim) => database.settle({ ...claim, type: 'completed' })));
    const lease = (await holdRelayLease(database.manager, 'worker-1', 60_000))!;
    const seen = new Map<string, number[]>(ids.map((id) => [id, []]));
    while (true) {
      const events = await read(5);
      if (events.length === 0) break;
      expect(events.length).toBeLessThanOrEqual(5);
      for (const { action, sequence } of events) seen.get(action.id)!.push(sequence);
      await deleteFromOutbox(
        database.manager,
        lease,
        events.map(({ position }) => position),
      );
    }
    for (const sequences of seen.values()) expect(sequences).toEqual([1, 2, 3]);
  });

  it('gives an event the resource of its own tenant, where two have the same id', async () => {
    const one = command({ tenant: 'tenant-b' });
    const other = command({ tenant: 'tenant-c', id: one.action.id });
    await database.ingest(one, other);
    const pictures = (await read()).map(({ action }) => [action.azureTenantId, action['ticket']]);
    expect(pictures).toEqual([
      ['tenant-b', 'of tenant-b'],
      ['tenant-c', 'of tenant-c'],
    ]);
  });

  it('is read by key: a few events do not cost a pass through all there ever were', async () => {
    await database.ingest(...times(600, (index) => command({ target: `h${index}` })));
    // The planner shall take it for full, as after a flood.
    await database.query('ANALYZE');
    await database.query(
      'DELETE FROM outbox WHERE position > (SELECT min(position) + 2 FROM outbox)',
    );
    await database.inTransaction(async (manager) => {
      const rowsScanned = async () =>
        manager.query<{ relname: string; rows: string }[]>(
          `SELECT relname, seq_tup_read AS "rows" FROM pg_stat_xact_user_tables
            WHERE relname IN ('security_action', 'security_action_event') ORDER BY relname`,
        );
      const before = await rowsScanned();
      expect(await readOutbox(manager, { limit: 500 })).toHaveLength(3);
      expect(await rowsScanned()).toEqual(before);
    });
  });

  it('still has the events of an action that was deleted', async () => {
    const [id] = await database.ingest(command());
    await database.query(`UPDATE security_action SET "deletedDateTime" = now()`);
    expect((await read()).map(({ action }) => action.id)).toEqual([id]);
  });

  describe('the lease of the relay', () => {
    const hold = (owner: string, leaseMs = 60_000) =>
      holdRelayLease(database.manager, owner, leaseMs);
    const expire = () =>
      database.query(`UPDATE relay_lease SET "leaseUntil" = clock_timestamp() - interval '1 ms'`);
    const positions = async () => (await read()).map(({ position }) => position);

    it('is held by one worker at a time', async () => {
      expect(await hold('worker-1')).toEqual({ owner: 'worker-1', epoch: '1' });
      expect(await hold('worker-2')).toBeUndefined();
      const leases = await Promise.all(times(6, (index) => hold(`worker-${index + 1}`)));
      expect(leases.filter(Boolean)).toEqual([{ owner: 'worker-1', epoch: '1' }]);
    });

    it('goes to one of many who ask first at once', async () => {
      const leases = await Promise.all(times(6, (index) => hold(`worker-${index}`)));
      expect(leases.filter(Boolean)).toHaveLength(1);
    });

    it('keeps its epoch when it is renewed, and raises it when it is taken over', async () => {
      await hold('worker-1');
      expect((await hold('worker-1'))?.epoch).toBe('1');
      await expire();
      expect(await hold('worker-2')).toEqual({ owner: 'worker-2', epoch: '2' });
      expect(await hold('worker-1')).toBeUndefined();
      await expire();
      expect(await hold('worker-1')).toEqual({ owner: 'worker-1', epoch: '3' });
    });

    it('ends by itself after its time', async () => {
      await hold('worker-1', 1);
      await vi.waitFor(async () => expect(await hold('worker-2')).toBeDefined());
    });

    describe('from before the clock was set back', () => {
      const setBack = () =>
        database.query(`UPDATE relay_lease SET "leaseUntil" = "leaseUntil" + interval '3 hours'`);
      const pass = (ms: number) =>
        database.query(
          `UPDATE relay_lease SET "leaseUntil" = "leaseUntil" - $1 * interval '1 ms'`,
          [ms],
        );

      it('is believed for no longer than the longest there can be, as of the next look', async () => {
        await hold('worker-1');
        await setBack();
        expect(await hold('worker-2')).toBeUndefined();
        await pass(LEASE_MS_MAX - 60_000);
        expect(await hold('worker-2')).toBeUndefined();
        await pass(60_000);
        expect(await hold('worker-2')).toEqual({ owner: 'worker-2', epoch: '2' });
      });

      it('stays with a worker that lives, and is renewed by it as ever', async () => {
        await hold('worker-1');
        await setBack();
        await hold('worker-2');
        expect(await hold('worker-1')).toEqual({ owner: 'worker-1', epoch: '1' });
        await pass(50_000);
        expect(await hold('worker-2')).toBeUndefined();
        await pass(10_000);
        expect(await hold('worker-2')).toEqual({ owner: 'worker-2', epoch: '2' });
      });
    });

    it('is not made shorter by a worker whose own is shorter', async () => {
      await hold('worker-1', LEASE_MS_MAX);
      const before = await database.query('SELECT * FROM relay_lease');
      expect(await hold('worker-2', 2000)).toBeUndefined();
      expect(await database.query('SELECT * FROM relay_lease')).toEqual(before);
    });

    it('is free at once when it is dropped, and cannot be dropped by one who lost it', async () => {
      const first = (await hold('worker-1'))!;
      await dropRelayLease(database.manager, first);
      const second = (await hold('worker-2'))!;
      expect(second.epoch).toBe('2');
      await dropRelayLease(database.manager, first);
      expect(await hold('worker-3')).toBeUndefined();
    });

    it('lets its holder delete what it names, and nothing else', async () => {
      await database.ingest(...times(3, () => command()));
      const lease = (await hold('worker-1'))!;
      const [first, second, third] = await positions();
      await deleteFromOutbox(database.manager, lease, [first!, third!]);
      expect(await positions()).toEqual([second]);
    });

    it('lets one who was overtaken delete nothing, even after he got it back', async () => {
      await database.ingest(...times(3, () => command()));
      const all = await positions();
      const deleteAs = (lease: RelayLease) => deleteFromOutbox(database.manager, lease, all);
      const overtaken = (await hold('worker-1'))!;
      await expire();
      await hold('worker-2');
      await deleteAs(overtaken);
      expect(await positions()).toEqual(all);
      await expire();
      const again = (await hold('worker-1'))!;
      await deleteAs(overtaken);
      expect(await positions()).toEqual(all);
      await deleteAs(again);
      expect(await positions()).toEqual([]);
    });
  });
});
