import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_MS_MAX } from '#config/longest-lease';
import { markSent, renewLeases } from '#database/held-claims.queries';
import {
  type ExpiredBy,
  type RecoveryKnowledge,
  freeExpired,
  lockExpiredLost,
  lookAtLeases,
  shortenLeases,
} from '#database/recover.queries';
import { TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const IDEMPOTENT = 'Acme/Idempotent';
const STRICT = 'Acme/Strict';
const KNOWLEDGE: RecoveryKnowledge = { known: [IDEMPOTENT, STRICT], probeable: [] };
const ERROR = { code: 3, message: 'Outcome unknown.', subcode: 0 };

describe('recovery', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  /** An action that a worker holds. */
  const held = async (provider: string, { sent }: { sent: boolean }) => {
    await database.ingest(command({ target: null, provider }));
    const repeatable = provider === IDEMPOTENT;
    const [claim] = await database.claim(1, { provider, repeatable });
    if (sent) await markSent(database.manager, [claim!]);
    return claim!;
  };

  const free = async (limit = 100, knowledge = KNOWLEDGE) =>
    freeExpired(database.manager, knowledge, await database.expiredByNow(limit));
  const lostOnes = async (limit = 100, knowledge = KNOWLEDGE) => {
    const expired = await database.expiredByNow(limit);
    return database.inTransaction((manager) => lockExpiredLost(manager, knowledge, expired));
  };

  it('leaves every lease alone that has not expired', async () => {
    for (const provider of [IDEMPOTENT, STRICT]) {
      await held(provider, { sent: false });
      await held(provider, { sent: true });
    }
    const before = await database.snapshot();
    expect(await free()).toBe(0);
    expect(await lostOnes()).toEqual([]);
    expect(await database.snapshot()).toEqual(before);
  });

  it('has a provider asked that can be, about what was sent and must not be repeated', async () => {
    const claim = await held(STRICT, { sent: true });
    await database.expireLeases();
    const knowledge = { known: [STRICT], probeable: [STRICT] };
    expect(await lostOnes(10, knowledge)).toEqual([]);
    expect(await free(10, knowledge)).toBe(1);
    const [asking] = await database.claim(1, { provider: STRICT });
    expect(asking).toMatchObject({
      actionId: claim.actionId,
      next: 'probe',
      attempt: 1,
      probes: 1,
    });
    expect(asking!.mayHaveActed).toBe(true);
    // What its provider reports of the lost call still counts.
    expect((await database.work(claim.actionId))?.acceptedAttemptId).toBe(claim.attemptId);
    // The one who asks may die as well: that is no reason to call the outcome unknown.
    await database.expireLeases();
    expect(await free()).toBe(1);
    expect(await database.claim(1, { provider: STRICT })).toMatchObject([
      { next: 'probe', probes: 2 },
    ]);
  });

  it('judges nothing lost whose provider this worker does not know', async () => {
    await held(STRICT, { sent: true });
    await database.expireLeases();
    const knowledge = { known: [IDEMPOTENT], probeable: [] };
    expect(await lostOnes(10, knowledge)).toEqual([]);
    expect(await free(10, knowledge)).toBe(0);
    expect(await lostOnes()).toHaveLength(1);
  });

  it('leaves a lease alone that was renewed after it had expired', async () => {
    const claim = await held(IDEMPOTENT, { sent: false });
    await database.expireLeases();
    await renewLeases(database.manager, [claim], 60_000);
    expect(await free()).toBe(0);
  });

  it('takes for expired only what had expired when it looked: the clock may have been set ahead since', async () => {
    const claims = [await held(IDEMPOTENT, { sent: false }), await held(STRICT, { sent: true })];
    const before = await database.expiredByNow();
    await database.query('UPDATE security_action_work SET "leaseUntil" = clock_timestamp()');
    const judge = async (expired: ExpiredBy) => [
      await freeExpired(database.manager, KNOWLEDGE, expired),
      (await database.inTransaction((manager) => lockExpiredLost(manager, KNOWLEDGE, expired)))
        .length,
    ];
    expect(await judge(before)).toEqual([0, 0]);
    expect(await judge(await database.expiredByNow())).toEqual([1, 1]);
    // Or set back since, so that they are good for a while again.
    await renewLeases(database.manager, claims, 60_000);
    const inAnHour = new Date(before.at.getTime() + 3_600_000);
    expect(await judge({ ...before, at: inAnHour })).toEqual([0, 0]);
  });

  describe('of leases from before the clock was set back', () => {
    const setBack = () =>
      database.query(
        `UPDATE security_action_work SET "leaseUntil" = "leaseUntil" + interval '3 hours'`,
      );
    const pass = (ms: number) =>
      database.query(
        `UPDATE security_action_work SET "leaseUntil" = "leaseUntil" - $1 * interval '1 ms'`,
        [ms],
      );
    const shorten = (limit = 100) => shortenLeases(database.manager, limit);
    const look = () => lookAtLeases(database.manager);

    it('believes none for longer than the longest there can be, as of when it is shortened', async () => {
      await held(IDEMPOTENT, { sent: false });
      await held(STRICT, { sent: true });
      expect(await look()).toMatchObject({ isAnyTooLong: false });
      await setBack();
      expect(await look()).toMatchObject({ isAnyExpired: false, isAnyTooLong: true });
      expect(await shorten()).toBe(2);
      expect(await look()).toMatchObject({ isAnyExpired: false, isAnyTooLong: false });
      await pass(LEASE_MS_MAX - 60_000);
      expect([await free(), (await lostOnes()).length]).toEqual([0, 0]);
      await pass(60_000);
      expect([await free(), (await lostOnes()).length]).toEqual([1, 1]);
    });

    it('leaves those with a worker that lives, which marks, renews and settles as ever', async () => {
      const claim = await held(STRICT, { sent: false });
      await setBack();
      await shorten();
      expect(await markSent(database.manager, [claim])).toEqual(new Set([claim.attemptId]));
      expect(await renewLeases(database.manager, [claim], 60_000)).toEqual(
        new Set([claim.attemptId]),
      );
      await pass(59_000);
      expect([await free(), await lostOnes()]).toEqual([0, []]);
      const { settled } = await database.settle({ ...claim, type: 'completed' });
      expect([...settled.keys()]).toEqual([claim.attemptId]);
    });

    it('shortens none that a worker may have taken by its own settings', async () => {
      await database.ingest(command({ provider: STRICT }));
      await database.claim(1, { provider: STRICT, leaseMs: LEASE_MS_MAX });
      const before = await database.snapshot();
      expect(await look()).toMatchObject({ isAnyTooLong: false });
      expect(await shorten()).toBe(0);
      expect(await database.snapshot()).toEqual(before);
    });

    it('shortens as many as it is told, and waits for none that is locked', async () => {
      for (const _ of times(4, () => 0)) await held(STRICT, { sent: true });
      await setBack();
      await database.inTransaction(async (manager) => {
        await manager.query('SELECT FROM security_action_work LIMIT 1 FOR UPDATE');
        expect(await shorten(2)).toBe(2);
        expect(await shorten(2)).toBe(1);
      });
      expect(await shorten(2)).toBe(1);
    });
  });

  it('frees what an idempotent provider may see again, sent or not, and remembers that it may have acted', async () => {
    const claims = [
      await held(IDEMPOTENT, { sent: false }),
      await held(IDEMPOTENT, { sent: true }),
    ];
    await database.expireLeases();
    expect(await free()).toBe(2);
    const again = await database.claim(10, { provider: IDEMPOTENT });
    expect(new Set(again.map(({ actionId }) => actionId))).toEqual(
      new Set(claims.map(({ actionId }) => actionId)),
    );
    for (const claim of again) expect(claim).toMatchObject({ attempt: 2, mayHaveActed: true });
  });

  it('frees of the others only what was surely not sent', async () => {
    const unsent = await held(STRICT, { sent: false });
    const sent = await held(STRICT, { sent: true });
    await database.expireLeases();
    expect(await free()).toBe(1);
    const again = await database.claim(10, { provider: STRICT });
    expect(again).toEqual([
      expect.objectContaining({ actionId: unsent.actionId, mayHaveActed: false }),
    ]);
    expect(await database.work(sent.actionId)).toMatchObject({ attemptId: sent.attemptId });
  });

  it('hands out what was sent to the others, with the attempt to settle it by', async () => {
    await held(STRICT, { sent: false });
    await held(IDEMPOTENT, { sent: true });
    const { azureTenantId, actionId, attemptId } = await held(STRICT, { sent: true });
    await database.expireLeases();
    const lost = await lostOnes();
    expect(lost).toEqual([{ azureTenantId, actionId, attemptId, targetKey: null }]);
    await database.settle({ ...lost[0]!, type: 'failed', errorInfo: ERROR });
    expect(await database.row(actionId)).toMatchObject({ status: 'Failed', errorInfo: ERROR });
    expect(await lostOnes()).toEqual([]);
  });

  it('judges by what the claim put on record, whatever the catalogue says by now', async () => {
    const [unmarked, marked] = [
      await held(IDEMPOTENT, { sent: false }),
      await held(STRICT, { sent: true }),
    ];
    await database.expireLeases();
    expect(await free()).toBe(1);
    expect((await database.work(unmarked.actionId))?.mayHaveActed).toBe(true);
    expect((await lostOnes()).map(({ actionId }) => actionId)).toEqual([marked.actionId]);
  });

  it('gives up on an action that was claimed again and again and never settled', async () => {
    const claim = await held(IDEMPOTENT, { sent: false });
    await database.query('UPDATE security_action_work SET attempt = 220');
    await database.expireLeases();
    expect(await free()).toBe(0);
    expect((await lostOnes()).map(({ actionId }) => actionId)).toEqual([claim.actionId]);
  });

  it('takes at most as many as it is told', async () => {
    for (const sent of [true, false])
      for (const _ of times(3, () => 0)) await held(STRICT, { sent });
    await database.expireLeases();
    expect(await lostOnes(2)).toHaveLength(2);
    expect(await free(2)).toBe(2);
    expect(await free(2)).toBe(1);
  });

  it('makes the attempt of the lost worker void: it may neither call, nor renew, nor settle', async () => {
    const claim = await held(STRICT, { sent: false });
    await database.expireLeases();
    await free();
    expect(await markSent(database.manager, [claim])).toEqual(new Set());
    expect(await renewLeases(database.manager, [claim], 60_000)).toEqual(new Set());
    expect(await database.settle({ ...claim, type: 'completed' })).toEqual({
      settled: new Map(),
      promoted: 0,
    });
  });

  it('gives what was sent to one of several recoveries at once', async () => {
    for (const _ of times(4, () => 0)) await held(STRICT, { sent: true });
    await database.expireLeases();
    const three = await database.expiredByNow(3);
    await database.inTransaction(async (manager) => {
      expect(await lockExpiredLost(manager, KNOWLEDGE, three)).toHaveLength(3);
      expect(await lostOnes()).toHaveLength(1);
    });
    expect(await lostOnes()).toHaveLength(4);
  });

  it('does not free what the worker, back to life, is just marking as sent', async () => {
    const claim = await held(STRICT, { sent: false });
    await database.dataSource.transaction('READ COMMITTED', async (manager) => {
      expect((await markSent(manager, [claim])).size).toBe(1);
      // Its lease runs out while the mark is not committed yet.
      await manager.query(
        `UPDATE security_action_work SET "leaseUntil" = clock_timestamp() - interval '1 ms'`,
      );
      expect(await free()).toBe(0);
    });
    expect(await free()).toBe(0);
    expect(await lostOnes()).toHaveLength(1);
  });

  it('keeps the next on the target waiting for what it frees', async () => {
    const ids = await database.ingest(command({ provider: STRICT }), command({ provider: STRICT }));
    await database.claim(10, { provider: STRICT });
    await database.expireLeases();
    await free();
    expect(await database.ready()).toEqual([ids[0]]);
    expect(await database.claim(10, { provider: STRICT })).toEqual([
      expect.objectContaining({ actionId: ids[0] }),
    ]);
  });
});
