import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DataSource, EntityManager } from 'typeorm';
import { type Claim, claimWork } from '#database/claim.queries';
import { markSent, releaseClaims, renewLeases, renewUnlocked } from '#database/held-claims.queries';
import { freeExpired, shortenLeases } from '#database/recover.queries';
import { settle } from '#database/settle.queries';
import { storeCommands } from '#database/store-commands';
import { type Target, promoteHeads } from '#database/targets.queries';
import { inTransaction } from '#database/transaction';
import { PROVIDER, TENANT, TestDatabase, command, targetKey, times } from '../support/database.ts';

/** What is over by then, and has made the indexes large: with next to nothing in them, each look-up counts as dear. */
const BEFORE = 3000;
const LEFT = 2;
const WAITING = 300;
const UNDER_WAY = 300;
const BATCH = 20;
/** Of the table of work, for one action: to lock it, to change it, and to look for what comes after it. */
const READS_MAX = 8;

const LEASE = { owner: 'worker-1', leaseMs: 60_000 };
const ROOM = {
  byProvider: new Map([[PROVIDER, BATCH]]),
  total: BATCH,
  repeatable: new Set<string>(),
  turns: new Map<string, never>(),
};

const ERROR = { code: 4, message: 'The firewall said no.', subcode: 403 };

const targetOf = ({ azureTenantId, targetKey }: Claim): Target => ({
  azureTenantId,
  targetKey: targetKey!,
});

describe('with statistics from when the table of work was all but empty, as it is between two batches', () => {
  let database: TestDatabase;
  let worker: DataSource;
  let claims: Claim[];

  beforeAll(async () => {
    database = await TestDatabase.create();
    worker = await database.connectAsWorker();
    await database.query('ALTER TABLE security_action_work SET (autovacuum_enabled = false)');
    await store(BEFORE, 0);
    const done = await database.claim(BEFORE);
    const ended = done.slice(LEFT).map((claim) => ({ ...claim, type: 'completed' as const }));
    await database.settle(...ended);
    await database.query('ANALYZE');
  });
  afterAll(() => database?.drop());

  const store = (count: number, round: number) =>
    database.ingest(...times(count, (index) => command({ target: `host-${round}-${index}` })));

  beforeEach(async () => {
    await database.query('DELETE FROM security_action_work');
    await store(UNDER_WAY, 1);
    claims = (await database.claim(UNDER_WAY)).slice(0, BATCH);
    await store(WAITING, 2);
  });

  /** How many rows of the table of work `step` reads. */
  const readsOf = (step: (manager: EntityManager) => Promise<unknown>) =>
    inTransaction(worker, async (manager) => {
      const reads = async () => {
        const [row]: { reads: number }[] = await manager.query(
          `SELECT (coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0))::int AS reads
             FROM pg_stat_xact_user_tables WHERE relname = 'security_action_work'`,
        );
        return row!.reads;
      };
      const before = await reads();
      await step(manager);
      return (await reads()) - before;
    });

  it.each<[string, (manager: EntityManager) => Promise<unknown>]>([
    [
      'ends',
      (manager) =>
        settle(
          manager,
          claims.map((claim) => ({ ...claim, type: 'completed' })),
        ),
    ],
    [
      'puts off',
      (manager) =>
        settle(
          manager,
          claims.map((claim) => ({
            ...claim,
            type: 'attemptFailed',
            errorInfo: ERROR,
            next: 'call',
            mayHaveActed: false,
            dueInMs: 1000,
          })),
        ),
    ],
    ['marks as sent', (manager) => markSent(manager, claims)],
    ['renews the leases of', (manager) => renewLeases(manager, claims, 60_000)],
    ['renews the free leases of', (manager) => renewUnlocked(manager, claims, 60_000)],
    ['gives back', (manager) => releaseClaims(manager, claims)],
    ['claims', (manager) => claimWork(manager, ROOM, LEASE)],
    ['looks for what waits behind', (manager) => promoteHeads(manager, claims.map(targetOf))],
  ])('%s a batch by looking up its rows, not by reading all there are', async (_, step) => {
    const reads = await readsOf(step);
    expect(reads).toBeGreaterThanOrEqual(BATCH);
    expect(reads).toBeLessThanOrEqual(BATCH * READS_MAX);
  });

  it('looks at the first on a target alone, however many wait behind it', async () => {
    await database.ingest(...times(WAITING, () => command({ target: 'hot' })));
    const reads = await readsOf((manager) =>
      promoteHeads(manager, [{ azureTenantId: TENANT, targetKey: targetKey('hot') }]),
    );
    expect(reads).toBeLessThanOrEqual(READS_MAX);
  });

  it('stores a batch without reading all there is', async () => {
    const commands = times(BATCH, (index) => command({ target: `host-3-${index}` }));
    const reads = await readsOf((manager) =>
      storeCommands(manager, commands, { room: ROOM, lease: LEASE }),
    );
    expect(reads).toBeLessThanOrEqual(BATCH * READS_MAX);
  });

  it('looks for expired leases without reading what is under way', async () => {
    const expired = await database.expiredByNow(500);
    const reads = await readsOf((manager) =>
      freeExpired(manager, { known: [PROVIDER], probeable: [] }, expired),
    );
    expect(reads).toBeLessThanOrEqual(READS_MAX);
  });

  it('looks for leases that are too long without reading what is under way', async () => {
    expect(await readsOf((manager) => shortenLeases(manager, 500))).toBe(0);
  });

  it('frees what has expired by looking up its rows', async () => {
    await database.query(
      `UPDATE security_action_work SET "leaseUntil" = now() - interval '1 s' WHERE "attemptId" = ANY($1)`,
      [claims.map(({ attemptId }) => attemptId)],
    );
    const expired = await database.expiredByNow(500);
    const reads = await readsOf(async (manager) => {
      expect(await freeExpired(manager, { known: [PROVIDER], probeable: [] }, expired)).toBe(BATCH);
    });
    expect(reads).toBeLessThanOrEqual(BATCH * READS_MAX);
  });
});
