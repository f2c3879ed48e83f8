import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { readBacklog } from '#database/backlog.queries';
import { cancelAction } from '#database/cancel.queries';
import { dataSourceOptions } from '#database/data-source';
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

  const read = () => readBacklog(database.dataSource, new AbortController().signal);
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

describe('a backlog so large that it takes long to measure', () => {
  const STATEMENT_TIMEOUT_MS = 300;
  let database: TestDatabase;
  let impatient: DataSource;

  beforeEach(async () => {
    database = await TestDatabase.create();
    const settings = loadSettings({
      DATABASE_URL: database.settings.DATABASE_URL,
      DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
    });
    const pool = { applicationName: 'watch', connectionsMax: 1 };
    impatient = await new DataSource(dataSourceOptions(settings, pool)).initialize();
  });
  afterEach(async () => {
    if (impatient?.isInitialized) await impatient.destroy();
    await database?.drop();
  });

  /** As long as this, whatever is in the tables. */
  async function lasting(seconds: number): Promise<void> {
    await database.query('ALTER TABLE hold RENAME TO quick_hold');
    await database.query(
      `CREATE VIEW hold AS WITH slow AS MATERIALIZED (SELECT pg_sleep(${seconds}))
       SELECT * FROM quick_hold WHERE (SELECT count(*) FROM slow) = 1`,
    );
  }

  it('is measured all the same, and its connection is as hurried as before', async () => {
    await lasting(2);
    expect(await readBacklog(impatient, new AbortController().signal)).toEqual(NOTHING);
    await expect(impatient.query('SELECT pg_sleep(2)')).rejects.toThrow('statement timeout');
  });

  it('keeps nobody from stopping', async () => {
    await lasting(20);
    const stopping = new AbortController();
    const reading = readBacklog(impatient, stopping.signal);
    reading.catch(() => undefined);
    await vi.waitFor(async () => {
      const asleep = await database.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'watch' AND wait_event = 'PgSleep'`,
      );
      expect(asleep).toHaveLength(1);
    });
    const beganAtMs = performance.now();
    stopping.abort();
    await expect(reading).rejects.toThrow('Connection terminated');
    await impatient.destroy();
    expect(performance.now() - beganAtMs).toBeLessThan(5000);
  });
});
