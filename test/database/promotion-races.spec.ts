import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancelAction, claimCancels } from '#database/cancel.queries';
import type { Claim } from '#database/claim.queries';
import { sweepTargets } from '#database/recover.queries';
import { applyReport, lockAction } from '#database/report.queries';
import { type Settlement, settle } from '#database/settle.queries';
import { FAILURE_CODES } from '#domain/errors';
import { PROVIDER, TENANT, TestDatabase, command, ingest, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const CALLER = { tenantId: TENANT, appId: 'app-1', user: null };
const ROUNDS = 100;

const completed = (claim: Claim): Settlement => ({ ...claim, type: 'completed' });
const takenBack = (claim: Claim): Settlement => ({
  ...claim,
  type: 'cancelled',
  errorInfo: { code: FAILURE_CODES.cancelled, message: 'Cancelled.', subcode: 0 },
});

/*
 * Nobody sweeps here: `assertSound` after each test says that no target was left without its first ready, and a
 * deadlock that `inTransaction` could not settle fails the test by itself.
 */
describe('promotion', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const cancel = (id: string) =>
    database.inTransaction((manager) => cancelAction(manager, CALLER, id, { canTakeBack: false }));

  const steps = async (count: number) => {
    for (let step = 0; step < count; step += 1) await database.query('SELECT 1');
  };

  /** After so many empty round trips, so that two that race meet at another step each time. */
  const after = async <T>(count: number, race: () => Promise<T>) => {
    await steps(count);
    return race();
  };

  it('reaches an action that arrives while the last one on its target is just ending', async () => {
    const [first] = await database.ingest(command());
    const [claim] = await database.claim();
    let arrival!: Promise<string[]>;
    await database.dataSource.transaction('READ COMMITTED', async (manager) => {
      await settle(manager, [completed(claim!)]);
      arrival = database.ingest(command());
      await database.untilBlocked();
    });
    const arrived = await arrival;
    expect(await database.ready()).toEqual(arrived);
    expect((await database.row(first!)).status).toBe('Completed');
  });

  it('reaches an action whose ingest is just committing when the last one on its target ends', async () => {
    await database.ingest(command());
    const [claim] = await database.claim();
    let settled!: Promise<unknown>;
    const second = await database.dataSource.transaction('READ COMMITTED', async (manager) => {
      const ids = await ingest(manager, [command()]);
      settled = database.settle(completed(claim!));
      await database.untilBlocked();
      return ids;
    });
    expect(await settled).toMatchObject({ promoted: 1 });
    expect(await database.ready()).toEqual(second);
  });

  it('passes over an action that is just being cancelled, to the one behind it', async () => {
    const [, second, third] = await database.ingest(command(), command(), command());
    const [claim] = await database.claim();
    let settled!: Promise<unknown>;
    await database.dataSource.transaction('READ COMMITTED', async (manager) => {
      expect(await cancelAction(manager, CALLER, second!, { canTakeBack: false })).toBe(
        'prevented',
      );
      settled = database.settle(completed(claim!));
      await database.untilBlocked();
    });
    expect(await settled).toMatchObject({ promoted: 1 });
    expect(await database.ready()).toEqual([third]);
  });

  it('goes on from an action that is cancelled while the one before it is just ending', async () => {
    const [, second, third] = await database.ingest(command(), command(), command());
    const [claim] = await database.claim();
    let cancelled!: Promise<unknown>;
    await database.dataSource.transaction('READ COMMITTED', async (manager) => {
      await settle(manager, [completed(claim!)]);
      cancelled = cancel(second!);
      await database.untilBlocked();
    });
    expect(await cancelled).toBe('prevented');
    expect(await database.ready()).toEqual([third]);
  });

  /**
   * Three on a target, of which the first is claimed. Of the second its provider says that it runs it already, so that
   * whoever wants to cancel it has to ask, while it waits for its turn: it is taken under a lease without being the head.
   */
  const withCancelBehindHead = async (provider = PROVIDER) => {
    const commands = times(3, () => command({ target: provider, provider }));
    const [head, waiting, last] = await database.ingest(...commands);
    const [claim] = await database.claim(1, { provider });
    expect(claim?.actionId).toBe(head);
    await database.inTransaction(async (manager) => {
      const reference = { azureTenantId: TENANT, actionId: waiting! };
      const action = (await lockAction(manager, reference))!;
      await applyReport(
        manager,
        action,
        { kind: 'event', type: 'started', errorInfo: null },
        { attemptId: null, by: CALLER, patience: { reportTimeoutMs: 60_000, next: 'probe' } },
      );
      await cancelAction(manager, CALLER, waiting!, { canTakeBack: true });
    });
    const [cancel] = await database.inTransaction((manager) =>
      claimCancels(
        manager,
        { room: new Map([[provider, 50]]), repeatable: new Set() },
        { owner: 'worker-2', leaseMs: 60_000 },
      ),
    );
    expect(cancel?.actionId).toBe(waiting);
    return { claim: claim!, cancel: cancel!, last: last! };
  };

  it('passes over an action that its provider has just taken back, to the one behind it', async () => {
    const { claim, cancel, last } = await withCancelBehindHead();
    let settled!: Promise<unknown>;
    await database.dataSource.transaction('READ COMMITTED', async (manager) => {
      await settle(manager, [takenBack(cancel)]);
      settled = database.settle(completed(claim));
      await database.untilBlocked();
    });
    expect(await settled).toMatchObject({ promoted: 1 });
    expect(await database.ready()).toEqual([last]);
  });

  it('goes on from an action that is taken back while the one before it is just ending', async () => {
    const { claim, cancel, last } = await withCancelBehindHead();
    let settled!: Promise<unknown>;
    await database.dataSource.transaction('READ COMMITTED', async (manager) => {
      await settle(manager, [completed(claim)]);
      settled = database.settle(takenBack(cancel));
      await database.untilBlocked();
    });
    expect(await settled).toMatchObject({ promoted: 1 });
    expect(await database.ready()).toEqual([last]);
  });

  it('waits for the end of the first when what is behind it is taken back before', async () => {
    const { claim, cancel, last } = await withCancelBehindHead();
    expect(await database.settle(takenBack(cancel))).toMatchObject({ promoted: 0 });
    expect(await database.ready()).toEqual([claim.actionId]);
    expect(await database.settle(completed(claim))).toMatchObject({ promoted: 1 });
    expect(await database.ready()).toEqual([last]);
  });

  it(`is never missed between an end and what is taken back behind it, in ${ROUNDS} races`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const provider = `p-${round}`;
      const { claim, cancel, last } = await withCancelBehindHead(provider);
      await Promise.all([
        after(round % 3, () => database.settle(takenBack(cancel))),
        after((round >> 2) % 6, () => database.settle(completed(claim))),
      ]);
      expect((await database.claim(1, { provider }))[0]?.actionId).toBe(last);
    }
  });

  it(`is never missed between an arrival and an end, in ${ROUNDS} races`, async () => {
    let [last] = await database.ingest(command());
    for (let round = 0; round < ROUNDS; round += 1) {
      const [claim] = await database.claim();
      expect(claim?.actionId).toBe(last);
      const [arrived] = await Promise.all([
        after(round % 4, () => database.ingest(command())),
        after((round >> 2) % 4, () => database.settle(completed(claim!))),
      ]);
      expect(await database.ready()).toEqual(arrived);
      [last] = arrived;
    }
  });

  it(`is never missed between a cancel of the next and an end, in ${ROUNDS} races`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const provider = `p-${round}`;
      const commands = times(3, () => command({ target: provider, provider }));
      const [, next, last] = await database.ingest(...commands);
      const [claim] = await database.claim(1, { provider });
      const [cancelled] = await Promise.all([
        after(round % 3, () => cancel(next!)),
        after((round >> 2) % 6, () => database.settle(completed(claim!))),
      ]);
      expect(cancelled).toBe('prevented');
      expect((await database.claim(1, { provider }))[0]?.actionId).toBe(last);
    }
  });

  it('runs every action of a hot target in order, whatever arrives, ends and is cancelled at once', async () => {
    const arrived: string[] = [];
    const ran: string[] = [];
    const cancelled = new Set<string>();
    let arriving = true;
    const arrivals = async () => {
      for (const batch of times(15, () => times(4, () => command()))) {
        arrived.push(...(await database.ingest(...batch)));
      }
      arriving = false;
    };
    // For as long as any arrive: a number of rounds may be over before the first is there.
    const cancels = async () => {
      while (arriving) {
        const id = arrived.findLast((each) => !ran.includes(each) && !cancelled.has(each));
        if (id && (await cancel(id)) === 'prevented') cancelled.add(id);
        await steps(2);
      }
    };
    let loading = true;
    const worker = async () => {
      // Before the look, so that a last one that arrives between the two is still seen.
      for (let last = !loading; ; last = !loading) {
        const claims = await database.claim(5);
        expect(claims.length).toBeLessThanOrEqual(1);
        if (last && claims.length === 0) return;
        for (const claim of claims) {
          // What was cancelled between its claim and its call has not run.
          const { settled } = await database.settle(completed(claim));
          if (settled.size > 0) ran.push(claim.actionId);
        }
      }
    };
    const load = Promise.all([arrivals(), cancels()]).finally(() => {
      [arriving, loading] = [false, false];
    });
    await Promise.all([load, worker(), worker()]);
    expect(cancelled.size).toBeGreaterThan(0);
    expect(ran).toEqual(arrived.filter((id) => !cancelled.has(id)));
  });

  it('gets through batches over many targets that come in opposite orders', async () => {
    const targets = times(30, (index) => `host-${index}`);
    const batch = (names: string[]) => names.map((target) => command({ target }));
    await database.ingest(...batch(targets));
    for (let round = 0; round < 15; round += 1) {
      const settlements = (await database.claim()).map(completed);
      expect(settlements).toHaveLength(targets.length);
      const half = settlements.length >> 1;
      await Promise.all([
        database.settle(...settlements.slice(0, half).toReversed()),
        // One at a time: a target's commands come from one partition, and so from one ingest.
        database.ingest(...batch(round % 2 === 0 ? targets : targets.toReversed())),
        database.settle(...settlements.slice(half)),
      ]);
    }
    expect(await database.ready()).toHaveLength(targets.length);
  });

  describe('the sweep', () => {
    it('repairs targets whose first is not ready, and says how many', async () => {
      const commands = times(9, (index) =>
        command({ target: `host-${index % 3}`, tenant: `tenant-${index % 3}` }),
      );
      await database.ingest(...commands, command({ target: null }));
      const before = await database.ready();
      await database.query(
        `UPDATE security_action_work SET ready = false WHERE "azureTenantId" <> 'tenant-1'`,
      );
      await database.query(
        `UPDATE security_action_work SET ready = true WHERE "targetKey" IS NULL`,
      );
      expect(await database.inTransaction(sweepTargets)).toBe(2);
      expect(await database.ready()).toEqual(before);
    });

    it('finds nothing to do where all is well', async () => {
      expect(await database.inTransaction(sweepTargets)).toBe(0);
      await database.ingest(command(), command(), command({ target: null }));
      const [claim] = await database.claim();
      const before = await database.snapshot();
      expect(await database.inTransaction(sweepTargets)).toBe(0);
      expect(await database.snapshot()).toEqual(before);
      await database.settle(completed(claim!));
      expect(await database.inTransaction(sweepTargets)).toBe(0);
    });
  });
});
