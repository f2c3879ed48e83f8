import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CancelDecision,
  cancelAction,
  claimCancels,
  findCancelRequests,
} from '#database/cancel.queries';
import { claimWork } from '#database/claim.queries';
import { markSent, releaseClaims } from '#database/held-claims.queries';
import { FAILURE_CODES } from '#domain/errors';
import { PROVIDER, TENANT, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const CALLER = { tenantId: TENANT, appId: 'app-2', user: 'bob@example.com' };
const ROOM = {
  byProvider: new Map([[PROVIDER, 10]]),
  total: 10,
  repeatable: new Set([PROVIDER]),
  turns: new Map(),
};
const LEASE = { owner: 'worker-1', leaseMs: 60_000 };
const ROUNDS = 200;

describe('cancel', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const cancel = (id: string, caller = CALLER, canTakeBack = false): Promise<CancelDecision> =>
    database.inTransaction((manager) => cancelAction(manager, caller, id, { canTakeBack }));

  /** A transaction that has done its work and commits when told so. */
  const begin = async <T>(work: Parameters<typeof database.inTransaction<T>>[0]) => {
    const { promise: finish, resolve: commit, reject: abort } = Promise.withResolvers<void>();
    const { promise: done, resolve: onDone } = Promise.withResolvers<T>();
    const ended = database.dataSource.transaction('READ COMMITTED', async (manager) => {
      onDone(await work(manager));
      await finish;
    });
    return { result: await done, ended, commit, abort };
  };

  it('ends an action that has not started as Failed by the caller, and no worker ever gets it', async () => {
    const [id] = await database.ingest(command({ target: null }));
    expect(await cancel(id!)).toBe('prevented');
    const row = await database.row(id!);
    expect(row).toMatchObject({ status: 'Failed', version: 2 });
    expect(row.errorInfo).toMatchObject({ code: FAILURE_CODES.cancelled, subcode: 0 });
    expect(row.completedDateTime).toEqual(row.lastActionDateTime);
    expect((await database.events(id!)).at(-1)).toMatchObject({
      type: 'cancelled',
      status: 'Failed',
      changedStatus: true,
      attempt: null,
      appId: 'app-2',
      user: 'bob@example.com',
      errorInfo: row.errorInfo,
    });
    expect(await database.claim()).toEqual([]);
  });

  it('makes the next on the target ready when the first is cancelled', async () => {
    const [first, second] = await database.ingest(command(), command(), command());
    expect(await cancel(first!)).toBe('prevented');
    expect(await database.ready()).toEqual([second]);
  });

  it('takes a waiting action out of the row without moving anyone else up', async () => {
    const [first, second, third] = await database.ingest(command(), command(), command());
    expect(await cancel(second!)).toBe('prevented');
    expect(await database.ready()).toEqual([first]);
    const [claim] = await database.claim();
    await database.settle({ ...claim!, type: 'completed' });
    expect(await database.ready()).toEqual([third]);
  });

  it('cancels what waits behind a running action', async () => {
    const [first, second] = await database.ingest(command(), command());
    const [claim] = await database.claim();
    expect(await cancel(second!)).toBe('prevented');
    await database.settle({ ...claim!, type: 'completed' });
    expect((await database.row(first!)).status).toBe('Completed');
    expect(await database.ready()).toEqual([]);
  });

  it('changes nothing while a worker has the action, and after its end', async () => {
    const [id] = await database.ingest(command());
    const [claim] = await database.claim(1, { repeatable: true });
    const running = await database.snapshot();
    expect(await cancel(id!)).toBe('withProvider');
    expect(await database.snapshot()).toEqual(running);
    await database.settle({ ...claim!, type: 'completed' });
    const ended = await database.snapshot();
    expect(await cancel(id!)).toBe('ended');
    expect(await database.snapshot()).toEqual(ended);
  });

  it('happens once', async () => {
    const [id] = await database.ingest(command());
    const outcomes = await Promise.all(times(5, () => cancel(id!)));
    expect(outcomes.sort()).toEqual(['ended', 'ended', 'ended', 'ended', 'prevented']);
    expect((await database.row(id!)).version).toBe(2);
  });

  it('cancels an action that a worker has claimed and given back: nothing was called', async () => {
    const [id] = await database.ingest(command());
    await releaseClaims(database.manager, await database.claim());
    expect(await cancel(id!)).toBe('prevented');
    expect((await database.row(id!)).status).toBe('Failed');
    expect(await database.claim()).toEqual([]);
  });

  it.each([
    ['cancels between two calls of which none can have acted', false, 'prevented', 1],
    ['ends as unknown between two calls of which one may have acted', true, 'stopped', 3],
  ] as const)('%s', async (_, mayHaveActed, decision, code) => {
    const [id] = await database.ingest(command());
    const [claim] = await database.claim();
    const errorInfo = { code: 0, message: 'again', subcode: 0 };
    const dueInMs = 60_000;
    await database.settle({
      ...claim!,
      type: 'attemptFailed',
      errorInfo,
      next: 'call',
      dueInMs,
      mayHaveActed,
    });
    expect(await cancel(id!)).toBe(decision);
    expect((await database.row(id!)).errorInfo?.code).toBe(code);
    expect(await database.work(id!)).toBeUndefined();
  });

  describe('of an action whose provider can take it back', () => {
    const requested = async (id: string) =>
      expect(await cancel(id, CALLER, true)).toBe('requested');
    const claimCancelled = () =>
      database.inTransaction((manager) =>
        claimCancels(
          manager,
          { room: new Map([[PROVIDER, 50]]), repeatable: new Set([PROVIDER]) },
          LEASE,
        ),
      );

    it('puts it on record once, in the name of the caller, and for the worker that holds the call', async () => {
      const [id] = await database.ingest(command());
      const [claim] = await database.claim(1, { repeatable: true });
      await requested(id!);
      await requested(id!);
      const events = await database.events(id!);
      expect(events.map(({ type }) => type)).toEqual(['created', 'started', 'cancelRequested']);
      expect(events.at(-1)).toMatchObject({
        changedStatus: false,
        attemptId: claim!.attemptId,
        appId: 'app-2',
        user: 'bob@example.com',
      });
      expect(await findCancelRequests(database.manager, 'worker-1')).toEqual([claim!.attemptId]);
      expect(await findCancelRequests(database.manager, 'worker-2')).toEqual([]);
      expect(await claimCancelled()).toEqual([]);
    });

    it('keeps every later call back, and gives what nobody holds to the next that looks', async () => {
      const [id] = await database.ingest(command());
      const [claim] = await database.claim(1, { repeatable: true });
      await requested(id!);
      const errorInfo = { code: 0, message: 'no answer', subcode: 0 };
      const again = { type: 'attemptFailed', errorInfo, next: 'call', dueInMs: 0 } as const;
      await database.settle({ ...claim!, ...again, mayHaveActed: true });
      expect(await database.claim()).toEqual([]);
      const [cancelling] = await claimCancelled();
      expect(cancelling).toMatchObject({ actionId: id, next: 'probe', attempt: 1, probes: 1 });
      expect(await claimCancelled()).toEqual([]);
    });

    it('lets no call be marked as sent that is not on its way yet, and prevents it', async () => {
      const [id] = await database.ingest(command());
      const [claim] = await database.claim();
      expect(await cancel(id!, CALLER, true)).toBe('prevented');
      expect(await markSent(database.manager, [claim!])).toEqual(new Set());
    });
  });

  it('cannot be done when a call that must not be repeated has been sent', async () => {
    const [id] = await database.ingest(command());
    const [claim] = await database.claim();
    await markSent(database.manager, [claim!]);
    expect(await cancel(id!)).toBe('withProvider');
  });

  it('cannot be done when its provider has taken it over and cannot take it back', async () => {
    const [id] = await database.ingest(command());
    const [claim] = await database.claim();
    await database.settle({ ...claim!, type: 'accepted', next: 'probe', dueInMs: 60_000 });
    expect(await cancel(id!)).toBe('withProvider');
    expect(await cancel(id!, CALLER, true)).toBe('requested');
  });

  it('does not know the action of another tenant', async () => {
    const [id] = await database.ingest(command());
    const before = await database.snapshot();
    expect(await cancel(id!, { ...CALLER, tenantId: 'tenant-b' })).toBe('ended');
    expect(await database.snapshot()).toEqual(before);
  });

  it('ends the action of the own tenant only, where two have the same id', async () => {
    const own = command();
    const other = command({ id: own.action.id, tenant: 'tenant-b' });
    await database.ingest(own, other);
    expect(await cancel(own.action.id)).toBe('prevented');
    const left = await database.claim();
    expect(left.map(({ azureTenantId }) => azureTenantId)).toEqual(['tenant-b']);
  });

  describe.each([
    { kind: 'with a target', target: 'host-1' },
    { kind: 'without a target', target: null },
  ])('against a claim, for an action $kind', ({ target }) => {
    it('waits for a claim that is committing, and then changes nothing', async () => {
      const [id] = await database.ingest(command({ target }));
      const claim = await begin((manager) => claimWork(manager, ROOM, LEASE));
      expect(claim.result).toHaveLength(1);
      const cancelled = cancel(id!);
      await database.untilBlocked();
      claim.commit();
      await claim.ended;
      expect(await cancelled).toBe('withProvider');
      expect((await database.row(id!)).status).toBe('Running');
    });

    it('wins when the claim does not commit', async () => {
      const [id] = await database.ingest(command({ target }));
      const claim = await begin((manager) => claimWork(manager, ROOM, LEASE));
      const cancelled = cancel(id!);
      await database.untilBlocked();
      claim.abort(new Error('died'));
      await expect(claim.ended).rejects.toThrow('died');
      expect(await cancelled).toBe('prevented');
      expect((await database.row(id!)).version).toBe(2);
    });

    it('wins when it has the action in hand: the claim passes by', async () => {
      const [id] = await database.ingest(command({ target }));
      const cancelled = await begin((manager) =>
        cancelAction(manager, CALLER, id!, { canTakeBack: false }),
      );
      expect(await database.claim()).toEqual([]);
      cancelled.commit();
      await cancelled.ended;
      expect(await database.claim()).toEqual([]);
      expect((await database.row(id!)).status).toBe('Failed');
    });

    it('is taken by the claim when it does not commit', async () => {
      const [id] = await database.ingest(command({ target }));
      const cancelled = await begin((manager) =>
        cancelAction(manager, CALLER, id!, { canTakeBack: false }),
      );
      cancelled.abort(new Error('died'));
      await expect(cancelled.ended).rejects.toThrow('died');
      expect((await database.claim()).map(({ actionId }) => actionId)).toEqual([id]);
    });

    it(`never lets both win, nor neither, in ${ROUNDS} races`, async () => {
      const commands = times(ROUNDS, (round) =>
        command({ target: target && `${target}-${round}`, provider: `p-${round}` }),
      );
      const ids = await database.ingest(...commands);
      for (const [round, id] of ids.entries()) {
        const claim = async () => {
          // A cancel takes a few steps, a claim one: let them meet at a different one each time.
          for (let step = 0; step < round % 6; step += 1) await database.query('SELECT 1');
          return database.claim(1, { provider: `p-${round}`, repeatable: true });
        };
        const [cancelled, claims] = await Promise.all([cancel(id), claim()]);
        // The claim may have passed by a lock that the cancel then gave up: look once more.
        const claimed = [
          ...claims,
          ...(await database.claim(1, { provider: `p-${round}`, repeatable: true })),
        ];
        const won = cancelled === 'prevented';
        expect([cancelled, claimed.length]).toEqual(won ? ['prevented', 0] : ['withProvider', 1]);
        expect(await database.row(id)).toMatchObject({
          version: 2,
          status: won ? 'Failed' : 'Running',
        });
      }
    });
  });
});
