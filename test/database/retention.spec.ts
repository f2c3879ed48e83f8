import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '#database/action-row';
import { applyReport, hideAction, lockAction } from '#database/report.queries';
import {
  OUTBOX_MAX,
  deleteActions,
  findNextTenant,
  findOldSlice,
  lockKeys,
  lockOld,
  withoutLaterOnes,
} from '#database/retention.queries';
import { TENANT, TestDatabase, command, times } from '../support/database.ts';
import { AGE_MS, OldActions } from '../support/old-actions.ts';
import { assertSound } from '../support/sound.ts';

const CALLER = { tenantId: TENANT, appId: 'app-2', user: null };

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

  it('takes those to which nothing has happened for so long, and all that belongs to them', async () => {
    const first = await actions.old();
    await actions.old({ target: null });
    const young = await actions.old({}, 29);
    expect(await actions.removed()).toBe(2);
    expect(await actions.left()).toEqual([young]);
    expect(await database.events(first)).toEqual([]);
    expect(await database.events(young)).toHaveLength(3);
  });

  it('goes through all tenants, a bounded slice at a time, and ends where what is younger begins', async () => {
    for (const tenant of ['tenant-a', 'tenant-b']) {
      const commands = times(25, () => command({ tenant, target: null }));
      await database.ingest(...commands);
    }
    await actions.end();
    const all = await actions.left();
    const young = [...all.slice(18, 25), ...all.slice(48)];
    await actions.age(31, ...all.filter((id) => !young.includes(id)));
    expect(await actions.walk(10)).toEqual([10, 8, 10, 10, 3]);
    expect(await actions.left()).toEqual(young);
    expect(await actions.walk(10)).toEqual([]);
  });

  it('deletes no more events in a step than take milliseconds, but for those of one action', async () => {
    const ids = [await actions.old(), await actions.old(), await actions.old()];
    for (const id of ids) {
      await database.query(
        `INSERT INTO security_action_event
         SELECT "azureTenantId", "actionId", n, 'lateReport', "status", false, "dateTime"
           FROM security_action_event, generate_series(4, 6000) n WHERE "actionId" = $1 AND "sequence" = 3`,
        [id],
      );
      await database.query('UPDATE security_action SET version = 6000 WHERE id = $1', [id]);
    }
    expect(await actions.walk()).toEqual([1, 1, 1]);
    expect(await database.query('SELECT FROM security_action_event')).toEqual([]);
  });

  it('passes by what has a time from a clock that was ahead', async () => {
    const [ahead, behind] = [await actions.ended(), await actions.ended()];
    await actions.age(-400, ahead);
    await actions.age(31, behind);
    expect(await actions.removed()).toBe(1);
    expect(await actions.left()).toEqual([ahead]);
  });

  it('leaves what has not ended, however old', async () => {
    const waiting = command();
    await database.ingest(waiting);
    const running = command({ target: 'host-2' });
    await database.ingest(running);
    await database.query('TRUNCATE outbox');
    expect(await database.claim(1)).toHaveLength(1);
    await database.query('TRUNCATE outbox');
    await actions.age(400, waiting.action.id, running.action.id);
    expect(await actions.removed()).toBe(0);
    expect(await actions.left()).toHaveLength(2);
  });

  it('leaves that to which something happened since: a deletion, a report', async () => {
    const [hidden, reported] = [await actions.old(), await actions.old()];
    const change = (id: string, make: typeof hideAction | typeof report) =>
      database.inTransaction(async (manager) =>
        make(manager, (await lockAction(manager, reference(id)))!, CALLER),
      );
    const report = (...[manager, action, by]: Parameters<typeof hideAction>) =>
      applyReport(
        manager,
        action,
        { kind: 'event', type: 'lateReport', errorInfo: null },
        { attemptId: null, by, patience: { reportTimeoutMs: 1, next: 'call' } },
      );
    await change(hidden, hideAction);
    await change(reported, report);
    await database.query('TRUNCATE outbox');
    expect(await actions.removed()).toBe(0);
    await actions.age(31, hidden, reported);
    expect(await actions.removed()).toBe(2);
  });

  it('leaves what is still to be published, and everything while there is more of that than it looks through', async () => {
    const young = await actions.ended();
    const unpublished = await actions.old();
    await actions.old();
    await database.query(
      `INSERT INTO outbox ("azureTenantId", "actionId", "sequence") VALUES ($1, $2, 3)`,
      [TENANT, unpublished],
    );
    await database.query(
      `INSERT INTO outbox ("azureTenantId", "actionId", "sequence")
       SELECT $1, $2, n FROM generate_series(4, $3::integer) n`,
      [TENANT, young, OUTBOX_MAX + 2],
    );
    expect(await actions.removed()).toBe(0);
    await database.query('DELETE FROM outbox WHERE "sequence" = 4');
    expect(await actions.removed()).toBe(1);
    expect(await actions.left()).toEqual([young, unpublished]);
  });

  it('leaves what somebody else holds, and waits for nobody', async () => {
    const [held, free] = [await actions.old(), await actions.old()];
    await database.inTransaction(async (manager) => {
      await lockAction(manager, reference(held));
      expect(await actions.removed()).toBe(1);
      expect(await actions.left()).toEqual([held]);
    });
    expect(await actions.removed()).toBe(1);
    expect(await actions.left()).not.toContain(free);
  });

  it('is shared by workers that do it at once: each goes once', async () => {
    await database.ingest(...times(300, () => command({ target: null })));
    await actions.end();
    await actions.age(31, ...(await actions.left()));
    const steps = await Promise.all(times(4, () => actions.walk(7)));
    expect(steps.flat().reduce((sum, count) => sum + count)).toBe(300);
    expect(await actions.left()).toEqual([]);
    expect(await database.query('SELECT FROM security_action_event')).toEqual([]);
  });

  it('finds all it reads and deletes by an index', async () => {
    await database.query(
      `INSERT INTO security_action ("azureTenantId", "id", "version", "status", "providerKey", "actionName",
         "targetKey", "name", "appId", "resendKey", "parameters", "vendorInformation", "properties",
         "createdDateTime", "lastActionDateTime", "completedDateTime")
       SELECT $1, gen_random_uuid(), 1, 'Completed', 'p', 'a', gen_random_uuid(), 'a', 'app-1',
         gen_random_uuid(), '[]', '{}', '{}', t, t, t
         FROM generate_series(1, 20000) n, LATERAL (SELECT now() - interval '40 days' + n * interval '2 min' AS t) t`,
      [TENANT],
    );
    await database.query(
      `INSERT INTO security_action_event
         ("azureTenantId", "actionId", "sequence", "type", "status", "changedStatus", "dateTime")
       SELECT "azureTenantId", "id", 1, 'created', 'Completed', true, "createdDateTime" FROM security_action`,
    );
    await database.query(
      `INSERT INTO idempotency_key ("azureTenantId", "appId", "key", "actionId")
       SELECT "azureTenantId", 'app-1', "id"::text, "id" FROM security_action`,
    );
    await database.query(
      `INSERT INTO security_action_alias
       SELECT "azureTenantId", gen_random_uuid(), "id", now() FROM security_action`,
    );
    await database.query('ANALYZE');
    const ids = (await actions.left()).slice(0, 100);
    const lines: string[] = [];
    const explained: Database = {
      query: async (sql: string, values?: unknown[]) => {
        const plan = await database.query<Record<string, string>>(`EXPLAIN ${sql}`, values);
        lines.push(...plan.map((line) => line['QUERY PLAN']!));
        return [] as never;
      },
    };
    const slice = { azureTenantId: TENANT, after: '0', to: '100' };
    await findNextTenant(explained, '');
    await findOldSlice(explained, TENANT, { after: '0', ageMs: AGE_MS, limit: 100 });
    await lockOld(explained, slice, AGE_MS);
    await lockKeys(explained, TENANT, ids, AGE_MS);
    await withoutLaterOnes(explained, TENANT, ids);
    await deleteActions(explained, TENANT, ids);
    const scanned = (kind: RegExp) =>
      new Set(lines.flatMap((line) => kind.exec(line)?.groups?.['name'] ?? []));
    expect([...scanned(/Index (?:Only )?Scan (?:using|on) (?<name>\w+)/)].toSorted()).toEqual([
      'idempotency_key_action',
      'security_action_alias_action',
      'security_action_event_key',
      'security_action_key',
      'security_action_position',
      'security_action_target',
    ]);
    // These are empty here: Postgres reads nothing of them.
    expect([...scanned(/Seq Scan on (?<name>\w+)/)].toSorted()).toEqual([
      'outbox',
      'security_action_revert',
    ]);
    await database.clear();
  });
});
