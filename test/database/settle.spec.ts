import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Claim } from '#database/claim.queries';
import { releaseClaims } from '#database/held-claims.queries';
import { freeExpired } from '#database/recover.queries';
import { hideAction, lockAction } from '#database/report.queries';
import { type Settlement, settle } from '#database/settle.queries';
import { PROVIDER, TENANT, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const BY = { tenantId: TENANT, appId: 'app-1', user: null };
const ERROR = { code: 4, message: 'The firewall said no.', subcode: 403 };

const completed = (claim: Claim): Settlement => ({ ...claim, type: 'completed' });
const failed = (claim: Claim): Settlement => ({ ...claim, type: 'failed', errorInfo: ERROR });
const retry = (claim: Claim, dueInMs = 0, mayHaveActed = false): Settlement => ({
  ...claim,
  type: 'attemptFailed',
  errorInfo: ERROR,
  next: 'call',
  dueInMs,
  mayHaveActed,
});

describe('settle', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  /** Where the outbox has an event. */
  async function positionOf(actionId: string, sequence: number): Promise<string> {
    const [place] = await database.query<{ position: string }>(
      'SELECT position FROM outbox WHERE "actionId" = $1 AND sequence = $2',
      [actionId, sequence],
    );
    return place!.position;
  }

  /** Has every claim taken over. */
  const freeAll = async () => {
    await database.expireLeases();
    const expired = await database.expiredByNow();
    await freeExpired(database.manager, { known: [PROVIDER], probeable: [] }, expired);
  };

  const claimOne = async () => (await database.claim(1))[0]!;

  it('counts what is put off, too, of which nobody has to hear', async () => {
    const ids = await database.ingest(command({ target: 'a' }), command({ target: 'b' }));
    const [one, other] = await database.claim();
    const postponed = { type: 'postponed', unavailable: true, dueInMs: 0 } as const;
    const { settled } = await database.settle({ ...one!, ...postponed }, completed(other!));
    const position = await positionOf(other!.actionId, 3);
    expect(settled).toEqual(
      new Map([
        [one!.attemptId, null],
        [other!.attemptId, { sequence: 3, dateTime: expect.any(Date) as Date, position }],
      ]),
    );
    expect((await database.events(ids[0]!)).map(({ type }) => type)).toEqual([
      'created',
      'started',
    ]);
  });

  it('ends an action as Completed', async () => {
    const [id] = await database.ingest(command());
    const claim = await claimOne();
    const { settled } = await database.settle(completed(claim));
    const row = await database.row(id!);
    const position = await positionOf(id!, 3);
    const event = { sequence: 3, dateTime: row.completedDateTime, position };
    expect(settled).toEqual(new Map([[claim.attemptId, event]]));
    expect(row).toMatchObject({ status: 'Completed', version: 3, errorInfo: null });
    expect(row.completedDateTime).toEqual(row.lastActionDateTime);
    expect((await database.events(id!)).at(-1)).toMatchObject({
      type: 'completed',
      status: 'Completed',
      changedStatus: true,
      attempt: 1,
      attemptId: claim.attemptId,
      errorInfo: null,
    });
    expect(await database.work(id!)).toBeUndefined();
  });

  it('rewrites the rows of a batch in place, and touches no index', async () => {
    await database.ingest(...times(200, (index) => command({ target: `host-${index}` })));
    const claims = await database.claim(200);
    const [updates, inPlace] = await database.inTransaction(async (manager) => {
      const counts = async () => {
        const [row]: { counts: [number, number] }[] = await manager.query(
          `SELECT ARRAY[n_tup_upd, n_tup_hot_upd]::int[] AS "counts"
             FROM pg_stat_xact_user_tables WHERE relname = 'security_action'`,
        );
        return row!.counts;
      };
      const before = await counts();
      await settle(manager, claims.map(completed));
      return (await counts()).map((count, index) => count - before[index]!);
    });
    expect(updates).toBe(200);
    expect(inPlace).toBeGreaterThanOrEqual(190);
  });

  it('ends an action as Failed, with the error of the provider', async () => {
    const [id] = await database.ingest(command());
    await database.settle(failed(await claimOne()));
    expect(await database.row(id!)).toMatchObject({ status: 'Failed', errorInfo: ERROR });
    expect((await database.events(id!)).at(-1)).toMatchObject({ type: 'failed', errorInfo: ERROR });
  });

  it('keeps an action Running when another attempt follows, with an event but no earlier claim', async () => {
    const [id] = await database.ingest(command());
    const claim = await claimOne();
    const dueFrom = Date.now() + 3_590_000;
    await database.settle(retry(claim, 3_600_000));
    expect(await database.row(id!)).toMatchObject({
      status: 'Running',
      version: 3,
      errorInfo: null,
      completedDateTime: null,
    });
    const work = await database.work(id!);
    expect(work).toMatchObject({ attempt: 1, attemptId: null, leaseOwner: null, ready: true });
    expect(work!.dueDateTime.getTime()).toBeGreaterThan(dueFrom);
    expect((await database.events(id!)).at(-1)).toMatchObject({
      type: 'attemptFailed',
      status: 'Running',
      changedStatus: false,
      attempt: 1,
      attemptId: claim.attemptId,
      errorInfo: ERROR,
    });
    expect(await database.claim()).toEqual([]);
  });

  it('counts attempts, and gives each an id of its own', async () => {
    const [id] = await database.ingest(command());
    const claims = [];
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      claims.push(await claimOne());
      await database.settle(retry(claims.at(-1)!));
    }
    expect(claims.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(new Set(claims.map(({ attemptId }) => attemptId)).size).toBe(4);
    expect((await database.row(id!)).version).toBe(1 + 1 + 4);
  });

  it('remembers that an attempt may have acted, whatever the later ones say', async () => {
    await database.ingest(command());
    await database.settle(retry(await claimOne(), 0, true));
    await database.settle(retry(await claimOne(), 0, false));
    expect(await claimOne()).toMatchObject({ attempt: 3, mayHaveActed: true });
  });

  it('makes exactly the next on the target ready, once the one before has ended', async () => {
    const ids = await database.ingest(...times(4, () => command()));
    for (const end of [completed, failed]) {
      expect(await database.ready()).toEqual([ids[0]]);
      const claim = await claimOne();
      expect((await database.settle(retry(claim))).promoted).toBe(0);
      expect(await database.ready()).toEqual([ids[0]]);
      expect((await database.settle(end(await claimOne()))).promoted).toBe(1);
      ids.shift();
    }
    expect(await database.ready()).toEqual([ids[0]]);
  });

  it('settles a batch of everything, each by its own outcome', async () => {
    const commands = times(30, (index) =>
      command({ target: index < 20 ? `host-${index % 10}` : null }),
    );
    await database.ingest(...commands);
    const claims = await database.claim();
    expect(claims).toHaveLength(20);
    const kinds = [completed, failed, retry];
    const settlements = claims.map((claim, index) => kinds[index % 3]!(claim));
    const { settled } = await database.settle(...settlements.toReversed());
    expect(settled.size).toBe(20);
    for (const { actionId, type } of settlements) {
      const [last] = (await database.events(actionId)).slice(-1);
      expect(last!.type).toBe(type);
    }
  });

  describe('fencing', () => {
    const lost: Record<string, (claim: Claim) => Promise<unknown>> = {
      'one that never was': async () => undefined,
      'one that was given back': (claim) => releaseClaims(database.manager, [claim]),
      'one that was taken over': async () => {
        await freeAll();
        await database.claim();
      },
      'one that has been settled for a retry': (claim) => database.settle(retry(claim)),
      'one that has been settled as failed': (claim) => database.settle(failed(claim)),
      'one that has been settled as completed': (claim) => database.settle(completed(claim)),
    };

    it.each(Object.entries(lost))('changes nothing for an attempt id of %s', async (name, lose) => {
      await database.ingest(command(), command());
      const held = await claimOne();
      await lose(held);
      const claim = name === 'one that never was' ? { ...held, attemptId: randomUUID() } : held;
      const before = await database.snapshot();
      for (const settlement of [completed(claim), failed(claim), retry(claim, 0, true)]) {
        expect(await database.settle(settlement)).toEqual({ settled: new Map(), promoted: 0 });
      }
      expect(await database.snapshot()).toEqual(before);
    });

    it('lets one of two contradicting outcomes of an attempt win, whole', async () => {
      const ids = await database.ingest(
        ...times(60, (index) => command({ target: `host-${index}` })),
      );
      const claims = await database.claim();
      const results = await Promise.all(
        claims.flatMap((claim) => [
          database.settle(completed(claim)),
          database.settle(failed(claim)),
          database.settle(retry(claim, 3_600_000)),
        ]),
      );
      expect(results.reduce((sum, { settled }) => sum + settled.size, 0)).toBe(ids.length);
      for (const id of ids) expect((await database.row(id)).version).toBe(3);
    });

    it('does not reach into another tenant', async () => {
      await database.ingest(command({ tenant: 'tenant-b' }));
      const claim = await claimOne();
      const before = await database.snapshot();
      await database.settle({ ...completed(claim), azureTenantId: 'tenant-c' });
      expect(await database.snapshot()).toEqual(before);
    });

    it('tells two tenants with one action id apart, one of which ends and the other is tried again', async () => {
      const id = randomUUID();
      const staying = (claim: Claim) => claim.actionId === id && claim.azureTenantId === 'tenant-b';
      const other = command({ tenant: 'tenant-b', target: 'host-2' });
      const tenants = ['tenant-a', 'tenant-b'];
      await database.ingest(...tenants.map((tenant) => command({ tenant, id })), other);
      const claims = await database.claim(3);
      const [stays, ...end] = claims.toSorted(
        (one, two) => Number(staying(two)) - Number(staying(one)),
      );
      await database.settle(retry(stays!), ...end.map(completed));
      expect(
        await database.query(
          `SELECT a."azureTenantId", a."status", w."attemptId" AS "lease", w."actionId" AS "work"
             FROM security_action a LEFT JOIN security_action_work w
               ON w."azureTenantId" = a."azureTenantId" AND w."actionId" = a."id"
            WHERE a."id" = $1 ORDER BY 1`,
          [id],
        ),
      ).toEqual([
        { azureTenantId: 'tenant-a', status: 'Completed', lease: null, work: null },
        { azureTenantId: 'tenant-b', status: 'Running', lease: null, work: id },
      ]);
    });

    it.each<[string, (claim: Claim) => Settlement]>([
      ['ends', completed],
      ['is tried again', (claim) => retry(claim)],
    ])(
      'leaves alone what another tenant has under the id of an action that %s',
      async (_, settled) => {
        const id = randomUUID();
        const foreign = command({ tenant: 'tenant-b', id });
        const next = command({ tenant: 'tenant-b', target: 'host-2' });
        await database.ingest(command({ id }), foreign, next);
        const claims = await database.claim(3);
        // Behind all others in their order: it has a place among them, but is none of them.
        const held = { attemptId: 'ffffffff-ffff-4fff-bfff-ffffffffffff', leaseOwner: 'worker-2' };
        await database.query(
          `UPDATE security_action_work SET "attemptId" = $1, "leaseOwner" = $2
          WHERE "azureTenantId" = 'tenant-b' AND "actionId" = $3`,
          [held.attemptId, held.leaseOwner, id],
        );
        const isForeign = (claim: Claim) => claim.actionId === id && claim.azureTenantId !== TENANT;
        await database.settle(...claims.filter((claim) => !isForeign(claim)).map(settled));
        const [work] = await database.query(
          `SELECT "attemptId", "leaseOwner" FROM security_action_work
          WHERE "azureTenantId" = 'tenant-b' AND "actionId" = $1`,
          [id],
        );
        expect(work).toEqual(held);
      },
    );
  });

  it('never lets times go backwards, even when the API that accepted the action had a clock ahead of ours', async () => {
    const ahead = new Date(Date.now() + 3_600_000);
    const acceptedDateTime = ahead.toISOString();
    const [id] = await database.ingest(command({ acceptedDateTime }));
    expect((await claimOne()).action.lastActionDateTime).toBe(acceptedDateTime);
    await database.settle(retry(await reclaim()));
    await database.settle(completed(await claimOne()));
    await database.inTransaction(async (manager) => {
      const reference = { azureTenantId: TENANT, actionId: id! };
      await hideAction(manager, (await lockAction(manager, reference))!, BY);
    });
    expect(await database.row(id!)).toMatchObject({
      createdDateTime: ahead,
      lastActionDateTime: ahead,
      completedDateTime: ahead,
      deletedDateTime: ahead,
    });
    expect((await database.events(id!)).map(({ dateTime }) => dateTime)).toEqual(
      times(5, () => ahead),
    );

    async function reclaim(): Promise<Claim> {
      await freeAll();
      return claimOne();
    }
  });
});
