import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findAction } from '#database/action.queries';
import { toSecurityAction } from '#database/action-row';
import { readOutbox } from '#database/outbox.queries';
import { applyReport, lockAction } from '#database/report.queries';
import { changeTimer, endTimers, lockTimer } from '#database/revert-timer.queries';
import {
  type LookedAt,
  countOverdueTimers,
  findNewer,
  findOvertaken,
  lockTimers,
  markRequested,
  postpone,
} from '#database/reverts.queries';
import {
  type CommandChoice,
  PROVIDER,
  TENANT,
  TestDatabase,
  command,
} from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const CALLER = { tenantId: TENANT, appId: 'app-2', user: 'bob@example.com' };
const LATER = new Date(Date.now() + 3_600_000);
const UNKNOWN = { code: 3, message: 'unknown', subcode: 0 };
const REJECTED = { code: 4, message: 'no', subcode: 0 };
const after = (revertAfter: string) => ({ revertAfter });

describe('the timers of reverts', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const reference = (actionId: string) => ({ azureTenantId: TENANT, actionId });
  const create = async (choice: CommandChoice) => (await database.ingest(command(choice)))[0]!;
  /** Stores an action and ends it. */
  const ended = async (choice: CommandChoice, errorInfo?: typeof UNKNOWN) => {
    const id = await create(choice);
    for (const claim of await database.claim()) {
      await database.settle(
        errorInfo ? { ...claim, type: 'failed', errorInfo } : { ...claim, type: 'completed' },
      );
    }
    return id;
  };
  const look = (limit = 10, keys = [PROVIDER]) =>
    database.inTransaction((manager) => lockTimers(manager, keys, limit));
  const lookAt = async (id: string) => (await look()).find(({ actionId }) => actionId === id)!;
  const resource = async (id: string) =>
    toSecurityAction((await findAction(database.manager, TENANT, id))!);
  const move = async (id: string, revertDateTime: Date | null) =>
    database.inTransaction(async (manager) => {
      const action = (await lockAction(manager, reference(id)))!;
      const type = revertDateTime ? 'revertScheduled' : 'revertStopped';
      await changeTimer(manager, action, { kind: 'event', type, revertDateTime }, CALLER);
    });
  const newerThan = async (timer: LookedAt) =>
    [...(await findNewer(database.manager, [timer], ['Release'])).values()][0]?.id;

  it('are stored with their action, and only where one was asked for', async () => {
    const timed = await create({ timer: after('PT1H') });
    const moment = await create({ timer: { revertDateTime: LATER.toISOString() } });
    const plain = await create({});
    const comma = await create({ timer: after('PT1,25S'), target: 'another' });
    expect(await resource(timed)).toMatchObject({ revertAfter: 'PT1H' });
    expect(await resource(comma)).toMatchObject({ revertAfter: 'PT1,25S' });
    expect(await resource(moment)).toMatchObject({ revertDateTime: LATER.toISOString() });
    expect(Object.keys(await resource(plain))).not.toContain('revertAfter');
    expect((await look()).map(({ actionId }) => actionId).toSorted()).toEqual(
      [timed, comma, moment].toSorted(),
    );
  });

  it('are stored once, however often the command comes', async () => {
    const again = command({ timer: after('PT1H') });
    await database.ingest(again);
    await database.ingest(again, again);
    expect(await look()).toHaveLength(1);
  });

  it('are overdue when nobody has looked for a minute, though no worker knows the provider', async () => {
    const id = await create({ provider: 'Acme/Forgotten', timer: after('PT1H') });
    const overdueAfter = async (seconds: number) => {
      await database.query(
        `UPDATE security_action_revert SET "lookDateTime" = now() - $1 * interval '1 s' WHERE "actionId" = $2`,
        [seconds, id],
      );
      return countOverdueTimers(database.manager);
    };
    expect(await overdueAfter(50)).toBe(0);
    expect(await overdueAfter(70)).toBe(1);
  });

  it('are looked at by one worker at a time, and only by one that knows the provider', async () => {
    await create({ target: 'a', timer: after('PT1H') });
    await create({ target: 'b', timer: after('PT1H') });
    expect(await look(10, ['Acme/Other'])).toEqual([]);
    await database.inTransaction(async (manager) => {
      expect(await lockTimers(manager, [PROVIDER], 1)).toHaveLength(1);
      expect(await look()).toHaveLength(1);
    });
    expect(await look()).toHaveLength(2);
  });

  it('are left alone while somebody else changes the action', async () => {
    const id = await create({ timer: after('PT1H') });
    await database.inTransaction(async (manager) => {
      await lockAction(manager, reference(id));
      expect(await look()).toEqual([]);
    });
    expect(await look()).toHaveLength(1);
  });

  it('are not looked at before the time they are postponed to', async () => {
    const id = await create({ timer: after('PT1H') });
    const { now } = await lookAt(id);
    const soon = new Date(now.getTime() + 150);
    await postpone(database.manager, [{ ...reference(id), until: soon }]);
    expect(await look()).toEqual([]);
    await expect.poll(async () => (await look()).length, { timeout: 10_000 }).toBe(1);
    expect((await lookAt(id)).now.getTime()).toBeGreaterThanOrEqual(soon.getTime());
  });

  it('are superseded by the same action once more, unless that failed for sure', async () => {
    const id = await ended({ timer: after('PT1H') });
    await ended({ target: 'other' });
    await ended({ action: 'Scan' });
    await ended({}, REJECTED);
    expect(await newerThan(await lookAt(id))).toBeUndefined();
    const unknown = await ended({}, UNKNOWN);
    await ended({});
    expect(await newerThan(await lookAt(id))).toBe(unknown);
  });

  it('are superseded by what has not even started, and never by what came before', async () => {
    await ended({});
    const id = await ended({ timer: after('PT1H') });
    expect(await newerThan(await lookAt(id))).toBeUndefined();
    const waiting = await create({});
    expect(await newerThan(await lookAt(id))).toBe(waiting);
  });

  it("are superseded by a revert by hand, and not by another timer's", async () => {
    const id = await ended({ timer: after('PT1H') });
    await ended({ action: 'Release', timer: { revertsActionId: randomUUID() } });
    expect(await newerThan(await lookAt(id))).toBeUndefined();
    const byHand = await ended({ action: 'Release' });
    expect(await newerThan(await lookAt(id))).toBe(byHand);
  });

  it('keep the moment at which they were requested first, so that a repeat is equal', async () => {
    const id = await ended({ timer: after('PT1H') });
    const mark = async () =>
      [...(await markRequested(database.manager, [reference(id)], 0)).values()][0];
    const first = await mark();
    expect(first).toBeInstanceOf(Date);
    expect(await mark()).toEqual(first);
    expect((await lookAt(id)).requestedDateTime).toEqual(first);
    const timer = database.inTransaction((manager) => lockTimer(manager, reference(id)));
    expect(await timer).toBe('requested');
  });

  it('end once, with the link to the revert', async () => {
    const id = await ended({ timer: after('PT1H') });
    const end = {
      ...reference(id),
      type: 'revertRequested' as const,
      revertedByActionId: randomUUID(),
    };
    for (const _ of [1, 2]) {
      await database.inTransaction((manager) => endTimers(manager, [end]));
    }
    const { revertedByActionId } = end;
    expect(await resource(id)).toMatchObject({ revertAfter: 'PT1H', revertedByActionId });
    expect((await database.events(id)).map(({ type }) => type)).toEqual([
      'created',
      'started',
      'completed',
      'revertRequested',
    ]);
    expect(await look()).toEqual([]);
  });

  it('end without a revert, and say why; the action then says no more that it will be reverted', async () => {
    const id = await ended({ timer: after('PT1H') }, REJECTED);
    const end = { ...reference(id), type: 'revertDropped' as const, reason: REJECTED };
    await database.inTransaction((manager) => endTimers(manager, [end]));
    expect(Object.keys(await resource(id))).not.toContain('revertAfter');
    expect((await database.events(id)).at(-1)).toMatchObject({
      type: 'revertDropped',
      status: 'Failed',
      changedStatus: false,
      errorInfo: REJECTED,
    });
  });

  it('are set, moved and stopped by whom the history names', async () => {
    const id = await ended({});
    await move(id, LATER);
    expect(await resource(id)).toMatchObject({ revertDateTime: LATER.toISOString() });
    expect((await lookAt(id)).revertDateTime).toEqual(LATER);
    await move(id, null);
    expect(Object.keys(await resource(id))).not.toContain('revertDateTime');
    expect(await look()).toEqual([]);
    expect((await database.events(id)).slice(3)).toMatchObject([
      { sequence: 4, type: 'revertScheduled', appId: 'app-2', user: 'bob@example.com' },
      { sequence: 5, type: 'revertStopped', appId: 'app-2', user: 'bob@example.com' },
    ]);
  });

  it('are in each event as they were right after it, long after', async () => {
    const id = await create({ timer: after('PT1H') });
    const pictures = [await resource(id)];
    const picture = async () => pictures.push(await resource(id));
    const [claim] = await database.claim();
    await picture();
    await move(id, LATER);
    await picture();
    await database.settle({ ...claim!, type: 'failed', errorInfo: UNKNOWN });
    await picture();
    const end = { ...reference(id), type: 'revertRequested', revertedByActionId: randomUUID() };
    await database.inTransaction((manager) => endTimers(manager, [end as never]));
    await picture();
    await database.inTransaction(async (manager) => {
      const action = (await lockAction(manager, reference(id)))!;
      const verdict = { kind: 'event', type: 'reportedAfterwards', errorInfo: null } as const;
      await applyReport(manager, action, verdict, {
        attemptId: null,
        by: CALLER,
        patience: { reportTimeoutMs: 1000, next: 'probe' },
      });
    });
    await picture();
    const events = await readOutbox(database.manager, { limit: 100 });
    expect(events.map(({ action }) => action)).toEqual(pictures);
    expect(events.map(({ type }) => type)).toEqual([
      'created',
      'started',
      'revertScheduled',
      'failed',
      'revertRequested',
      'reportedAfterwards',
    ]);
  });

  it('are overtaken by what came before their command and after their action', async () => {
    const id = await ended({ timer: after('PT1H') });
    const made = { action: 'Release', timer: { revertsActionId: id } };
    const early = await create(made);
    expect(await findOvertaken(database.manager, [reference(early)])).toEqual([]);
    const between = await create({});
    const revert = await create(made);
    await create({});
    expect(await findOvertaken(database.manager, [reference(early), reference(revert)])).toEqual([
      { ...reference(revert), newer: { id: between, name: 'Isolate' } },
    ]);
  });
});
