import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EntityManager } from 'typeorm';
import { claimCancels } from '#database/cancel.queries';
import type { Claim } from '#database/claim.queries';
import type { SecurityActionWorkEntity } from '#database/entities/security-action-work.entity';
import { markSent, releaseClaims, renewLeases, renewUnlocked } from '#database/held-claims.queries';
import { freeExpired } from '#database/recover.queries';
import { promoteHeads } from '#database/targets.queries';
import { PROVIDER, TENANT, TestDatabase, command, targetKey } from '../support/database.ts';

const OTHER = 'tenant-b';
const LEASE = { owner: 'worker-2', leaseMs: 60_000 };

/** All that may change. */
const BOTH = ['own', 'next'];

describe('of two tenants that have an action of one id, where both have something to do', () => {
  let database: TestDatabase;
  let id: string;
  let next: string;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(async () => {
    await database.clear();
    id = randomUUID();
    next = randomUUID();
    await database.ingest(
      command({ id }),
      command({ tenant: OTHER, id, target: 'host-1' }),
      command({ tenant: OTHER, id: next, target: 'host-2' }),
    );
  });
  afterAll(() => database?.drop());

  /** Changes the other tenant's work of that id, which nothing may touch from then on. */
  const setAside = (change: string) =>
    database.query(
      `UPDATE security_action_work SET ${change} WHERE "azureTenantId" = $1 AND "actionId" = $2`,
      [OTHER, id],
    );

  const rows = async () => {
    const all = await database.query<SecurityActionWorkEntity>(
      'SELECT * FROM security_action_work',
    );
    const of = (tenant: string, actionId: string) =>
      all.find((row) => row.azureTenantId === tenant && row.actionId === actionId);
    return { own: of(TENANT, id), foreign: of(OTHER, id), next: of(OTHER, next) };
  };

  /** What a step changes of the three. */
  const changedBy = async (step: () => Promise<unknown>) => {
    const before = Object.entries(await rows());
    await step();
    const after = await rows();
    return before
      .filter(([whose, row]) => !isDeepStrictEqual(row, after[whose as keyof typeof after]))
      .map(([whose]) => whose);
  };

  it('claims what is due', async () => {
    await setAside(`"dueDateTime" = now() + interval '1 h'`);
    expect(await changedBy(() => database.claim())).toEqual(BOTH);
  });

  it('claims what is to be taken back', async () => {
    await database.query(`UPDATE security_action_work SET "cancelRequestedDateTime" = now()`);
    await setAside('"cancelRequestedDateTime" = NULL');
    const catalogue = { room: new Map([[PROVIDER, 50]]), repeatable: new Set<string>() };
    const step = () => claimCancels(database.manager, catalogue, LEASE);
    expect(await changedBy(step)).toEqual(BOTH);
  });

  it.each<[string, (manager: EntityManager, claims: Claim[]) => Promise<unknown>]>([
    ['marks as sent', markSent],
    ['renews the leases of', (manager, claims) => renewLeases(manager, claims, 600_000)],
    ['renews the free leases of', (manager, claims) => renewUnlocked(manager, claims, 600_000)],
    ['gives back', releaseClaims],
  ])('%s what is said', async (_, step) => {
    const claims = await database.claim();
    const said = claims.filter(
      (claim) => claim.azureTenantId === TENANT || claim.actionId === next,
    );
    expect(await changedBy(() => step(database.manager, said))).toEqual(BOTH);
  });

  it('frees what has expired', async () => {
    await database.claim();
    await database.expireLeases();
    await setAside(`"leaseUntil" = now() + interval '1 h'`);
    const expired = await database.expiredByNow();
    const step = () => freeExpired(database.manager, { known: [PROVIDER], probeable: [] }, expired);
    expect(await changedBy(step)).toEqual(BOTH);
  });

  it('makes ready what is first on its target', async () => {
    await database.query('UPDATE security_action_work SET ready = false');
    await setAside('"targetKey" = gen_random_uuid()');
    const step = () =>
      promoteHeads(database.manager, [
        { azureTenantId: TENANT, targetKey: targetKey('host-1') },
        { azureTenantId: OTHER, targetKey: targetKey('host-2') },
      ]);
    expect(await changedBy(step)).toEqual(BOTH);
  });
});
