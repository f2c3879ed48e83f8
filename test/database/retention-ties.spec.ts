import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findByKey } from '#database/idempotency-key.queries';
import { removeOldActions } from '#database/remove-old-actions';
import { findOldSlice } from '#database/retention.queries';
import { endTimers } from '#database/revert-timer.queries';
import { findNewer, lockTimers } from '#database/reverts.queries';
import {
  PROVIDER,
  TENANT,
  type CommandChoice,
  TestDatabase,
  command,
} from '../support/database.ts';
import { AGE_MS, OldActions } from '../support/old-actions.ts';
import { assertSound } from '../support/sound.ts';

describe('the removal of old actions', () => {
  let database: TestDatabase;
  let actions: OldActions;

  beforeAll(async () => {
    database = await TestDatabase.create();
    actions = new OldActions(database);
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const reference = (actionId: string) => ({ azureTenantId: TENANT, actionId });

  describe('of what is to be undone', () => {
    const TIMED = { timer: { revertAfter: 'P90D' } };
    const endTimer = async (actionId: string, revertedByActionId: string | null) => {
      await database.inTransaction((manager) =>
        endTimers(manager, [
          revertedByActionId === null
            ? {
                ...reference(actionId),
                type: 'revertDropped',
                reason: { code: 0, message: '', subcode: 0 },
              }
            : { ...reference(actionId), type: 'revertRequested', revertedByActionId },
        ]),
      );
      await database.query('TRUNCATE outbox');
    };

    it('takes nothing while its timer runs, nor for as long again after that', async () => {
      const id = await actions.old(TIMED);
      expect(await actions.removed()).toBe(0);
      await endTimer(id, null);
      expect(await actions.removed()).toBe(0);
      await actions.age(31, id);
      expect(await actions.removed()).toBe(1);
    });

    it('takes nothing later on the target, on which the revert depends', async () => {
      const first = await actions.old({ ...TIMED, target: 'a' });
      const again = await actions.old({ target: 'a' });
      const elsewhere = await actions.old({ target: 'b' });
      expect(await actions.removed()).toBe(1);
      expect(await actions.left()).not.toContain(elsewhere);
      const [timer] = await database.inTransaction((manager) => lockTimers(manager, [PROVIDER], 9));
      const newer = await findNewer(database.manager, [timer!], ['Release']);
      expect([...newer.values()]).toEqual([{ id: again, name: 'Isolate' }]);
      await endTimer(first, null);
      await actions.age(31, first);
      expect(await actions.removed()).toBe(2);
    });

    it('takes nothing that is later than what stays for another reason, as that can be given a timer', async () => {
      const first = await actions.old({ target: 'a' }, 29);
      await actions.old({ target: 'a' });
      expect(await actions.removed()).toBe(0);
      await actions.age(2, first);
      expect(await actions.removed()).toBe(2);
    });

    it('takes what reverted it first, once that is old, and then what was reverted', async () => {
      const contained = await actions.ended({ ...TIMED, target: 'a' });
      const revert = await actions.ended({
        target: 'a',
        action: 'Release',
        timer: { revertsActionId: contained },
      });
      await endTimer(contained, revert);
      await actions.age(40, contained);
      await actions.age(29, revert);
      const next = await actions.old({ target: 'a' });
      expect(await actions.removed()).toBe(0);
      expect(await actions.left()).toEqual([contained, revert, next]);
      await actions.age(2, revert);
      expect(await actions.removed()).toBe(2);
      expect(await actions.left()).toEqual([contained]);
      expect(await actions.removed()).toBe(1);
    });

    it('keeps what was reverted while the revert has not ended', async () => {
      const contained = await actions.ended({ ...TIMED, target: 'a' });
      const revert = command({ target: 'a', timer: { revertsActionId: contained } });
      await database.ingest(revert);
      await endTimer(contained, revert.action.id);
      await actions.age(400, contained, revert.action.id);
      expect(await actions.removed()).toBe(0);
    });
  });

  describe('of what is known by other names', () => {
    const ownerOf = async (key: string) =>
      (await findByKey(database.manager, { tenantId: TENANT, appId: 'app-1' }, key))?.id;
    const resent = (choice: CommandChoice) =>
      command({ target: null, resendKey: randomUUID(), ...choice });

    it('takes the aliases with it', async () => {
      const first = resent({});
      await database.ingest(first);
      await database.ingest({ ...resent({ isResend: true }), resendKey: first.resendKey });
      expect(await database.query('SELECT FROM security_action_alias')).toHaveLength(1);
      await actions.end();
      await actions.age(31, first.action.id);
      expect(await actions.removed()).toBe(1);
      expect(await database.query('SELECT FROM security_action_alias')).toEqual([]);
    });

    it('frees its key: the same create is an action again, and another one can have it', async () => {
      const [same, another] = ['same', 'another'].map((key) =>
        command({ idempotencyKey: key, target: randomUUID() }),
      );
      for (const { action, idempotencyKey } of [same!, another!]) {
        await actions.old({ id: action.id, idempotencyKey: idempotencyKey! });
      }
      expect(await actions.removed()).toBe(2);
      expect(await ownerOf('same')).toBeUndefined();
      const other = command({ idempotencyKey: 'another', target: randomUUID() });
      expect(await database.ingest(same!, other)).toEqual([same!.action.id, other.action.id]);
      expect(await ownerOf('another')).toBe(other.action.id);
      expect((await database.row(other.action.id)).status).toBe('NotStarted');
    });

    it('leaves it while its key has been used since, by the same create or by another', async () => {
      for (const id of [undefined, randomUUID()]) {
        const first = await actions.old({ idempotencyKey: 'k' });
        await database.ingest(command({ id: id ?? first, idempotencyKey: 'k' }));
        await database.query('TRUNCATE outbox');
        expect(await actions.removed()).toBe(0);
        expect(await ownerOf('k')).toBe(first);
        await actions.age(31, ...(await actions.left()));
        expect(await actions.removed()).toBe(id ? 2 : 1);
      }
    });

    it('leaves it while its key is being used, and has the use wait while it goes', async () => {
      const first = await actions.old({ idempotencyKey: 'k' });
      const again = command({ id: first, idempotencyKey: 'k' });
      await database.inTransaction(async (manager) => {
        await manager.query(
          `INSERT INTO idempotency_key VALUES ($1, 'app-1', 'k', $2)
           ON CONFLICT ("azureTenantId", "appId", "key") DO UPDATE SET "usedDateTime" = now()`,
          [TENANT, first],
        );
        expect(await actions.removed()).toBe(0);
        await manager.query(
          `UPDATE idempotency_key SET "usedDateTime" = now() - interval '40 days'`,
        );
      });
      let repeated: Promise<string[]> | undefined;
      await database.inTransaction(async (manager) => {
        const slice = (await findOldSlice(manager, TENANT, {
          after: '0',
          ageMs: AGE_MS,
          limit: 9,
        }))!;
        expect(await removeOldActions(manager, slice, AGE_MS)).toBe(1);
        repeated = database.ingest(again);
        await database.untilBlocked();
      });
      expect(await repeated).toEqual([first]);
      expect(await ownerOf('k')).toBe(first);
      expect((await database.row(first)).status).toBe('NotStarted');
    });
  });
});
