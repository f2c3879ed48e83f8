import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readBacklog } from '#database/backlog.queries';
import { cancelAction } from '#database/cancel.queries';
import { releaseClaims } from '#database/held-claims.queries';
import { TENANT, TestDatabase, command } from '../support/database.ts';

const ERROR = { code: 0, message: 'no', subcode: 0 };
const NOTHING = {
  unfinished: { waiting: 0, leased: 0, retry: 0, report: 0 },
  oldestNotStartedSeconds: 0,
  oldestRunningSeconds: 0,
  standingHolds: 0,
  outboxEvents: 0,
  outboxOldestSeconds: 0,
};

describe('the backlog', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterAll(() => database?.drop());

  const read = () => readBacklog(database.manager);
  const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
  /** An action without a target, accepted so long ago. */
  const accepted = async (seconds: number) =>
    (await database.ingest(command({ target: null, acceptedDateTime: secondsAgo(seconds) })))[0]!;
  const claimOne = async () => (await database.claim(1))[0]!;

  it('is nothing when nothing is left to do', async () => {
    expect(await read()).toEqual(NOTHING);
  });

  it('tells what waits from what is held, what is tried again and what is to be reported', async () => {
    await accepted(400);
    await database.settle({ ...(await claimOne()), type: 'accepted', next: 'probe', dueInMs: 1e9 });
    await accepted(300);
    const again = { next: 'call', mayHaveActed: false, dueInMs: 1e9, errorInfo: ERROR } as const;
    await database.settle({ ...(await claimOne()), type: 'attemptFailed', ...again });
    await accepted(200);
    await database.settle({
      ...(await claimOne()),
      type: 'postponed',
      unavailable: true,
      dueInMs: 1e9,
    });
    await accepted(100);
    await claimOne();
    await accepted(50);
    await accepted(40);
    const { unfinished, oldestNotStartedSeconds, oldestRunningSeconds } = await read();
    expect(unfinished).toEqual({ waiting: 2, leased: 1, retry: 2, report: 1 });
    expect(oldestNotStartedSeconds).toBeCloseTo(50, -1);
    expect(oldestRunningSeconds).toBeCloseTo(400, -1);
  });

  it('forgets what has ended', async () => {
    const id = await accepted(100);
    await database.inTransaction((manager) =>
      cancelAction(manager, { tenantId: TENANT, appId: 'app-1', user: null }, id, {
        canTakeBack: false,
      }),
    );
    expect(await read()).toMatchObject({
      unfinished: NOTHING.unfinished,
      oldestNotStartedSeconds: 0,
    });
  });

  it('does not take what was given back uncalled for not started', async () => {
    await accepted(100);
    await releaseClaims(database.manager, [await claimOne()]);
    const { oldestNotStartedSeconds, oldestRunningSeconds } = await read();
    expect(oldestNotStartedSeconds).toBe(0);
    expect(oldestRunningSeconds).toBeCloseTo(100, -1);
  });

  it('counts holds that stand and events that wait', async () => {
    await accepted(100);
    await database.query(`UPDATE security_action_event SET "dateTime" = now() - interval '70 s'`);
    for (const released of [null, new Date()]) {
      await database.query(
        `INSERT INTO hold (id, "createdDateTime", "createdByTenantId", "createdByAppId", "releasedDateTime")
         VALUES ($1, now(), 'tenant', 'app', $2)`,
        [randomUUID(), released],
      );
    }
    const { standingHolds, outboxEvents, outboxOldestSeconds } = await read();
    expect([standingHolds, outboxEvents]).toEqual([1, 1]);
    expect(outboxOldestSeconds).toBeCloseTo(70, -1);
  });
});
