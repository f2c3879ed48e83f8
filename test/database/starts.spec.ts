import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findAction } from '#database/action.queries';
import { toSecurityAction } from '#database/action-row';
import type { ClaimRoom } from '#database/claim.queries';
import { refuseIfHeld, shareHoldGuard } from '#database/hold-guard.queries';
import { settle } from '#database/settle.queries';
import { isStartedUnderHold } from '#database/sqlstate';
import { type StartOffer, storeCommands } from '#database/store-commands';
import { lockHeads, promoteHeads, type Target } from '#database/targets.queries';
import type { CreateCommand } from '#domain/command';
import { startStored } from '../../apps/worker/src/ingest/start-stored.ts';
import { PROVIDER, TENANT, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const OTHER_PROVIDER = 'Acme/Other';

describe('an action that is stored while there is room', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const offer = (room: Partial<ClaimRoom> = {}): StartOffer => ({
    room: {
      byProvider: new Map([
        [PROVIDER, 100],
        [OTHER_PROVIDER, 100],
      ]),
      total: 100,
      repeatable: new Set([PROVIDER]),
      turns: new Map(),
      ...room,
    },
    lease: { owner: 'worker-1', leaseMs: 60_000 },
  });

  /** Stores commands as the worker does. @returns the claims of those that were started */
  const store = (commands: CreateCommand[], startOffer = offer()) =>
    database.inTransaction(async (manager) => {
      const { actions } = await storeCommands(manager, commands, startOffer);
      const targets = actions.filter(
        (row): row is typeof row & Target => !row.ready && row.targetKey !== null,
      );
      await lockHeads(manager, targets);
      await promoteHeads(manager, targets);
      const started = actions.flatMap(({ claim }) => claim ?? []);
      await shareHoldGuard(manager);
      await refuseIfHeld(manager, started);
      return started;
    });

  const startedBy = async (commands: CreateCommand[], startOffer?: StartOffer) =>
    (await store(commands, startOffer)).map(({ actionId }) => actionId);

  const idsOf = (commands: CreateCommand[]) => commands.map(({ action }) => action.id);

  it('is as if it had been claimed right afterwards', async () => {
    const [one, other] = [command(), command({ target: 'host-2', tenant: 'tenant-b' })];
    const [started] = await store([one]);
    await database.ingest(other);
    const [claimed] = await database.claim(1, { repeatable: true });
    const own = { azureTenantId: '', actionId: '', attemptId: '', targetKey: '', action: {} };
    expect({ ...claimed, ...own }).toMatchObject({ ...started, ...own });
    expect(started!.action).toEqual(
      toSecurityAction((await findAction(database.manager, TENANT, one.action.id))!),
    );
    const alike = (row: object | undefined) => Object.keys(row ?? {}).length;
    const [work, otherWork] = [
      await database.work(one.action.id),
      await database.work(other.action.id),
    ];
    expect(alike(work)).toBe(alike(otherWork));
    expect(work).toMatchObject({
      ready: true,
      leaseOwner: 'worker-1',
      attempt: 1,
      attemptId: started!.attemptId,
      next: 'call',
      repeatable: otherWork!.repeatable,
      sentDateTime: null,
    });
    expect(await database.row(one.action.id)).toMatchObject({ status: 'Running', version: 2 });
  });

  it('gives its provider what is stored, however the command spells it', async () => {
    const plain = command({ acceptedDateTime: '2026-01-31T12:00:00.123987Z' });
    const { action, targetKey } = plain;
    const spelled: CreateCommand = {
      ...plain,
      targetKey: targetKey!.toUpperCase(),
      action: {
        ...action,
        id: action.id.toUpperCase(),
        properties: { ticket: 1, nested: { later: [null, 'two'], first: true } },
        revertDateTime: '2036-01-31T12:00:00.123987Z',
      },
    };
    const [started] = await store([spelled]);
    const row = (await findAction(database.manager, TENANT, action.id))!;
    expect(started).toMatchObject({ actionId: action.id, targetKey });
    expect(started!.action).toEqual(toSecurityAction(row));
  });

  it('has both its events, the first one first, and both places in the outbox in that order', async () => {
    const commands = times(20, (index) => command({ target: `host-${index}` }));
    await store(commands);
    for (const id of idsOf(commands)) {
      const [created, started] = await database.events(id);
      expect(created).toMatchObject({ sequence: 1, type: 'created', status: 'NotStarted' });
      expect(started).toMatchObject({
        sequence: 2,
        type: 'started',
        status: 'Running',
        attempt: 1,
      });
      const outbox = await database.query<{ sequence: number }>(
        'SELECT sequence FROM outbox WHERE "actionId" = $1 ORDER BY position',
        [id],
      );
      expect(outbox).toEqual([{ sequence: 1 }, { sequence: 2 }]);
    }
  });

  it('started after it was accepted, whatever the clocks say', async () => {
    const ahead = new Date(Date.now() + 3_600_000).toISOString();
    const early = command({ acceptedDateTime: ahead });
    await store([early]);
    expect((await database.row(early.action.id)).lastActionDateTime).toEqual(new Date(ahead));
  });

  it('ends like any other, and lets the next on its target go', async () => {
    const [first, second] = [command(), command()];
    const [claim] = await store([first, second]);
    expect(claim!.actionId).toBe(first.action.id);
    await database.settle({ ...claim!, type: 'completed' });
    expect(await database.row(first.action.id)).toMatchObject({ status: 'Completed', version: 3 });
    expect(await database.ready()).toEqual([second.action.id]);
  });

  it('waits for the one before it on its target, of the same batch or stored before', async () => {
    const [before, ...batch] = [command(), command(), command({ target: 'host-2' }), command()];
    await database.ingest(before);
    await database.claim(1);
    expect(await startedBy(batch)).toEqual([batch[1]!.action.id]);
  });

  it('waits for nobody on the same target of another tenant', async () => {
    const [one, other] = [command(), command({ tenant: 'tenant-b' })];
    expect(await startedBy([one, other])).toEqual(idsOf([one, other]));
  });

  it('waits its turn while anything else waits for its provider, and only for its own', async () => {
    await database.ingest(command({ target: 'host-1', tenant: 'tenant-b' }));
    const [late, other] = [
      command({ target: 'host-2' }),
      command({ target: 'host-3', provider: OTHER_PROVIDER }),
    ];
    expect(await startedBy([late, other])).toEqual([other.action.id]);
  });

  it('is kept back by a hold', async () => {
    await database.hold({ providerKey: PROVIDER });
    expect(await startedBy([command()])).toEqual([]);
    expect(await database.ready()).toHaveLength(1);
  });

  it('does not start when a hold has come while it was being stored, and keeps no hold waiting before that', async () => {
    const { room, lease } = offer();
    const stored = database.inTransaction(async (manager) => {
      const { actions } = await storeCommands(manager, [command()], { room, lease });
      expect(actions[0]!.claim).not.toBeNull();
      await database.hold({ providerKey: PROVIDER });
      await startStored(manager, actions, room, lease);
    });
    expect(isStartedUnderHold(await stored.catch((error: unknown) => error))).toBe(true);
    expect(await database.query('SELECT FROM security_action')).toEqual([]);
  });

  it('is refused for a hold only once it is stored', async () => {
    await database.hold({ providerKey: PROVIDER });
    const { caller, provider, action } = command();
    const claim = {
      azureTenantId: caller.tenantId,
      actionId: action.id,
      providerKey: provider.key,
      actionName: provider.action,
    };
    const refused = () =>
      database.inTransaction(async (manager) => {
        await shareHoldGuard(manager);
        await refuseIfHeld(manager, [claim]);
      });
    await refused();
    await database.ingest(command({ id: action.id }));
    expect(isStartedUnderHold(await refused().catch((error: unknown) => error))).toBe(true);
  });

  it('starts only if there is room, tenants in turn', async () => {
    const flood = times(6, (index) => command({ target: `host-${index}` }));
    const quiet = command({ tenant: 'tenant-b' });
    const started = await startedBy(
      [...flood, quiet],
      offer({ byProvider: new Map([[PROVIDER, 3]]) }),
    );
    expect(new Set(started)).toEqual(new Set([...idsOf(flood.slice(0, 2)), quiet.action.id]));
  });

  it('starts once, however often its command comes', async () => {
    const commands = times(3, (index) => command({ target: `host-${index}` }));
    const [again, ...fresh] = [commands[0]!, command({ target: 'host-9' })];
    expect(await startedBy(commands)).toEqual(idsOf(commands));
    expect(await startedBy([again, ...fresh])).toEqual(idsOf(fresh));
    expect(await database.row(again.action.id)).toMatchObject({ version: 2 });
  });

  it('never starts if its idempotency key stands for another', async () => {
    const [owner, late] = [command(), command({ target: 'host-2' })].map((one) => ({
      ...one,
      idempotencyKey: 'key-1',
    }));
    expect(await startedBy([owner!, late!])).toEqual([owner!.action.id]);
    expect(await database.row(late!.action.id)).toMatchObject({ status: 'Failed', version: 2 });
  });

  it('is left to a claim when the one before it is just ending: ready once both are committed', async () => {
    const [before, next] = [command(), command()];
    const [claim] = await store([before]);
    const { promise: finish, resolve: commit } = Promise.withResolvers<void>();
    const { promise: settled, resolve: onSettled } = Promise.withResolvers<void>();
    const ending = database.inTransaction(async (manager) => {
      await settle(manager, [{ ...claim!, type: 'completed' }]);
      onSettled();
      await finish;
    });
    await settled;
    const storing = startedBy([next]);
    await database.untilBlocked();
    commit();
    await ending;
    expect(await storing).toEqual([]);
    expect(await database.ready()).toEqual([next.action.id]);
  });
});
