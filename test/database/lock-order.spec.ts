import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Claim } from '#database/claim.queries';
import { markSent, releaseClaims, renewLeases } from '#database/held-claims.queries';
import { PROVIDER, TestDatabase, command, targetKey, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const TARGETS = times(3, (index) => `host-${index}`).sort((a, b) =>
  targetKey(a) < targetKey(b) ? -1 : 1,
);
const TENANTS = ['tenant-a', 'tenant-b'];
const STOP = 3;

/** Everything that locks several rows of work and waits for them. */
const STATEMENTS: Record<string, (database: TestDatabase, claims: Claim[]) => Promise<unknown>> = {
  'adding to targets': (database, claims) =>
    database.ingest(...claims.map(({ action }) => sameTarget(action))),
  settling: (database, claims) =>
    database.settle(...claims.map((claim) => ({ ...claim, type: 'completed' as const }))),
  'marking as sent': (database, claims) => markSent(database.manager, claims),
  renewing: (database, claims) => renewLeases(database.manager, claims, 60_000),
  'giving back': (database, claims) => releaseClaims(database.manager, claims),
};

function sameTarget({ azureTenantId, parameters }: Claim['action'], id = randomUUID()) {
  return command({ id, tenant: azureTenantId!, target: parameters[0]!.value });
}

/*
 * Whoever locks rows in an order of his own can wait in a circle with another. So all lock by tenant and target,
 * in whatever order they were given: a statement that is held up at one row holds those before it, none behind it.
 */
describe('locks on several rows', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  /** A claim for each target of each tenant, in the order of the locks. */
  const claimsInOrder = async () => {
    const commands = TENANTS.flatMap((tenant) =>
      TARGETS.map((target) => command({ tenant, target, provider: PROVIDER })),
    );
    // Stored the other way round, so that the order of the table is no help.
    await database.ingest(...commands.toReversed());
    const byId = new Map((await database.claim()).map((claim) => [claim.actionId, claim]));
    return commands.map(({ action }) => byId.get(action.id)!);
  };

  /** Runs a statement that is to stop at one of these rows. @returns those of them that it has locked by then, and that one */
  const lockedUpTo = async (
    stopAt: string,
    actionIds: string[],
    statement: () => Promise<unknown>,
  ) => {
    let blocked!: Promise<unknown>;
    const locked = await database.dataSource.transaction('READ COMMITTED', async (manager) => {
      await manager.query('SELECT FROM security_action_work WHERE "actionId" = $1 FOR UPDATE', [
        stopAt,
      ]);
      blocked = statement();
      await database.untilBlocked();
      const unlocked = await database.query<{ actionId: string }>(
        'SELECT "actionId" FROM security_action_work FOR UPDATE SKIP LOCKED',
      );
      const free = new Set(unlocked.map(({ actionId }) => actionId));
      return actionIds.filter((id) => !free.has(id));
    });
    await blocked;
    return locked;
  };

  describe.each(Object.entries(STATEMENTS))('when %s', (_, statement) => {
    it.each(['in order', 'in reverse'])(
      'are taken by tenant and target, given %s',
      async (given) => {
        const claims = await claimsInOrder();
        const actionIds = claims.map(({ actionId }) => actionId);
        const locked = await lockedUpTo(actionIds[STOP]!, actionIds, () =>
          statement(database, given === 'in order' ? claims : claims.toReversed()),
        );
        expect(locked).toEqual(actionIds.slice(0, STOP + 1));
      },
    );
  });

  it('are taken by tenant and target when what waited for its turn is made ready', async () => {
    const claims = await claimsInOrder();
    // Nor is the index of their ids.
    const ids = times(claims.length, () => randomUUID())
      .sort()
      .toReversed();
    const behind = claims.map(({ action }, index) => sameTarget(action, ids[index]));
    await database.ingest(...behind.toReversed());
    const waiting = behind.map(({ action }) => action.id);
    const locked = await lockedUpTo(waiting[STOP]!, waiting, () =>
      database.settle(...claims.map((claim) => ({ ...claim, type: 'completed' as const }))),
    );
    expect(locked).toEqual(waiting.slice(0, STOP + 1));
  });
});
