import { setTimeout as passed } from 'node:timers/promises';
import {
  type ActionRow,
  actionColumns,
  toSecurityAction,
  waitingFor,
  workColumn,
} from '#database/action-row';
import type { SecurityActionEventEntity } from '#database/entities/security-action-event.entity';
import { inParallel } from '../../test/support/in-parallel.ts';
import type { System } from '../../test/support/system.ts';
import { type EntryOf, shownActionSchema } from '../history.ts';
import { TRAITS } from './catalogue.ts';
import { RecordedClient } from './recorded-client.ts';
import type { RecordedTopics } from './recorded-topics.ts';
import type { Recorder } from './recorder.ts';
import type { World } from './world.ts';

const LOOK_MS = 500;
/** Leases, back-offs and reports that nobody sends any more have run out long before. */
const QUIET_WITHIN_MS = 120_000;
const READS_AT_ONCE = 16;

/**
 * Waits until nothing is under way any more: actions that have not ended, events that are not published, messages that are
 * not handled. @returns what still was when it was not waited for any longer, a phrase each
 * @throws the reason of the signal
 */
export async function untilQuiet(
  world: World,
  topics: RecordedTopics,
  broken: AbortSignal,
): Promise<string[]> {
  const deadlineMs = performance.now() + QUIET_WITHIN_MS;
  let left: string[] = [];
  do {
    broken.throwIfAborted();
    left = await leftOf(world.system, topics).catch((error: unknown) => [String(error)]);
    if (left.length === 0) break;
    await passed(LOOK_MS);
  } while (performance.now() < deadlineMs);
  return left;
}

async function leftOf(system: System, topics: RecordedTopics): Promise<string[]> {
  // The topics first: what is drained is stored, and then counted here.
  const left = [];
  for (const topic of ['requests', 'commands', 'reports'] as const) {
    left.push(...(await topics.undrained(topic)));
  }
  const [counts] = await system.query<{ actions: number; events: number }>(
    `SELECT (SELECT count(*)::int FROM "security_action" WHERE "completedDateTime" IS NULL) AS "actions",
            (SELECT count(*)::int FROM "outbox") AS "events"`,
  );
  const { actions, events } = counts!;
  if (actions > 0) left.push(`${actions} actions`);
  if (events > 0) left.push(`${events} events to be published`);
  // And these last: what is published until now is to be recorded.
  left.push(...(await topics.unrecorded()));
  return left;
}

/** Notes everything that there is at the end, rows and histories; and reads all of it once more over HTTP. */
export async function recordEnd(world: World, recorder: Recorder): Promise<void> {
  const rows = await recordRows(world.system, recorder);
  await recordHistories(world.system, recorder);
  const clients = new Map<string, RecordedClient>();
  for (const tenant of new Set(rows.map(({ azureTenantId }) => azureTenantId))) {
    const token = await world.system.issuer.token({ tenant });
    const caller = { tenant, app: 'app-1', token };
    clients.set(tenant, new RecordedClient(recorder, world.apis[0]!, caller));
  }
  await inParallel(rows, READS_AT_ONCE, ({ azureTenantId, id }) =>
    clients.get(azureTenantId)!.get(id),
  );
}

/** Deleted ones too, which are hidden from every query of the product. */
async function recordRows(system: System, recorder: Recorder): Promise<ActionRow[]> {
  const rows = await system.query<ActionRow>(
    `SELECT ${actionColumns}, ${workColumn} FROM "security_action" a`,
  );
  const aliases = await system.query<{ aliasId: string; actionId: string }>(
    'SELECT "aliasId", "actionId" FROM "security_action_alias"',
  );
  const byAction = Map.groupBy(aliases, ({ actionId }) => actionId);
  for (const row of rows) {
    const ofAction = byAction.get(row.id) ?? [];
    noteRow(
      recorder,
      row,
      ofAction.map(({ aliasId }) => aliasId),
    );
  }
  return rows;
}

function noteRow(recorder: Recorder, row: ActionRow, aliases: string[]): void {
  const isKnown = (key: string) => TRAITS.some((provider) => provider.key === key);
  recorder.note<EntryOf<'row'>>({
    kind: 'row',
    provider: row.providerKey,
    targetKey: row.targetKey && `${row.azureTenantId}/${row.targetKey}`,
    position: Number(row.position),
    version: row.version,
    isDeleted: row.deletedDateTime !== null,
    waitingFor: waitingFor(row, isKnown),
    aliases,
    action: shownActionSchema.parse(toSecurityAction(row)),
  });
}

async function recordHistories(system: System, recorder: Recorder): Promise<void> {
  const events = await system.query<SecurityActionEventEntity>(
    'SELECT * FROM "security_action_event" ORDER BY "azureTenantId", "actionId", "sequence"',
  );
  for (const [actionId, ofAction] of Map.groupBy(events, (event) => event.actionId)) {
    recorder.note<EntryOf<'history'>>({
      kind: 'history',
      actionId,
      events: ofAction.map(
        ({ sequence, dateTime, type, status, attempt, attemptId, errorInfo }) => ({
          sequence,
          dateTime: dateTime.toISOString(),
          type,
          status,
          attempt,
          attemptId,
          errorInfo,
        }),
      ),
    });
  }
}
