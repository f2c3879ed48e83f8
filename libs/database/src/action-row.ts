import { isoText } from '#domain/iso-text';
import type {
  ResultInfo,
  SecurityAction,
  SecurityActionState,
  VendorInformation,
} from '#domain/security-action';
import { shownRevert } from '#domain/revert';
import type { EntityManager } from 'typeorm';
import type {
  ReportedAfterwards,
  SecurityActionEntity,
} from './entities/security-action.entity.ts';
import { standingHold } from './standing-hold.ts';

/** Whatever runs a statement: the pool, or the transaction in hand. */
export type Database = Pick<EntityManager, 'query'>;

/** Names one action; the tenant first, always. */
export interface ActionReference {
  azureTenantId: string;
  actionId: string;
}

/** By what an action is found in a map: an id says nothing beyond its tenant. */
export function keyOfAction({ azureTenantId, actionId }: ActionReference): string {
  return JSON.stringify([azureTenantId, actionId]);
}

/** A row as the read queries return it: the action, its states from the events, and what is left to do. */
export interface ActionRow extends SecurityActionEntity {
  states: SecurityActionState[];
  /** Null once the action has ended. */
  work: {
    ready: boolean;
    leased: boolean;
    due: boolean;
    awaitingReport: boolean;
    attempt: number;
    /** The first unfinished action on the same target. */
    headId: string | null;
    /** The oldest standing hold that covers it. */
    holdId: string | null;
    /** Its provider could not be asked when it was last tried, or every worker there is has given it up for now. */
    providerAway: boolean;
  } | null;
}

/** The columns of the action table, one by one: a statement may be prepared, and outlive a new one. */
const COLUMNS: readonly (keyof SecurityActionEntity)[] = [
  'azureTenantId',
  'id',
  'position',
  'version',
  'status',
  'providerKey',
  'actionName',
  'targetKey',
  'name',
  'actionReason',
  'appId',
  'user',
  'clientContext',
  'clientRequestId',
  'resendKey',
  'isResend',
  'parameters',
  'vendorInformation',
  'properties',
  'errorInfo',
  'traceparent',
  'reportedAfterwards',
  'revertDateTime',
  'revertAfter',
  'revertsActionId',
  'revertedByActionId',
  'createdDateTime',
  'lastActionDateTime',
  'completedDateTime',
  'deletedDateTime',
];

/** All columns of the action table, or of what has the same ones, under this name. */
export const columnsOf = (table: string) =>
  COLUMNS.map((column) => `${table}."${column}"`).join(', ');

/** The columns of `ActionRow`, for a query whose action table is `a`. */
export const actionColumns = `
  ${columnsOf('a')},
  (SELECT json_agg(json_build_object('appId', e."appId", 'status', e."status",
            'updatedDateTime', e."dateTime", 'user', e."user") ORDER BY e."sequence")
     FROM "security_action_event" e
    WHERE e."azureTenantId" = a."azureTenantId" AND e."actionId" = a."id"
      AND e."changedStatus" AND e."sequence" <= a."version") AS "states"`;

/** There are workers, and of them none serves the provider of `w`, or none that has not opened its circuit. */
const SERVED_BY_NONE = `
  EXISTS (SELECT FROM "provider_slot" s WHERE s."leaseUntil" > now())
  AND NOT EXISTS (SELECT FROM "provider_slot" s
    WHERE s."providerKey" = w."providerKey" AND s."slots" > 0 AND NOT s."circuitOpen"
      AND s."leaseUntil" > now())`;

/** What is left to do for action `a`, as `ActionRow` wants it. */
export const workColumn = `
  (SELECT jsonb_build_object('ready', w."ready",
            'leased', w."leaseOwner" IS NOT NULL AND w."leaseUntil" > now(),
            'due', w."dueDateTime" <= now(), 'awaitingReport', w."awaitingReport", 'attempt', w."attempt",
            'headId', CASE WHEN NOT w."ready" THEN
              (SELECT h."actionId" FROM "security_action_work" h
                WHERE h."azureTenantId" = w."azureTenantId" AND h."targetKey" = w."targetKey"
                ORDER BY h."position" LIMIT 1) END,
            'holdId', (${standingHold('w')} ORDER BY h."createdDateTime" LIMIT 1),
            'providerAway', w."unavailableSince" IS NOT NULL OR (${SERVED_BY_NONE}))
     FROM "security_action_work" w
    WHERE w."azureTenantId" = a."azureTenantId" AND w."actionId" = a."id") AS "work"`;

/** What the resource is made of. */
type ResourceRow = Pick<
  ActionRow,
  | 'id'
  | 'actionReason'
  | 'appId'
  | 'azureTenantId'
  | 'clientContext'
  | 'completedDateTime'
  | 'createdDateTime'
  | 'errorInfo'
  | 'lastActionDateTime'
  | 'name'
  | 'parameters'
  | 'properties'
  | 'reportedAfterwards'
  | 'states'
  | 'status'
  | 'user'
  | 'vendorInformation'
> &
  Parameters<typeof shownRevert>[0];

/** The resource as Graph spells it: the 15 declared properties, then the open ones. */
export function toSecurityAction(row: ResourceRow): SecurityAction {
  return {
    id: row.id,
    actionReason: row.actionReason,
    appId: row.appId,
    azureTenantId: row.azureTenantId,
    clientContext: row.clientContext,
    completedDateTime: row.completedDateTime && isoText(row.completedDateTime),
    createdDateTime: isoText(row.createdDateTime),
    errorInfo: errorInfoOf(row.errorInfo),
    lastActionDateTime: isoText(row.lastActionDateTime),
    name: row.name,
    parameters: row.parameters.map(({ name, value }) => ({ name, value })),
    states: row.states.map(stateOf),
    status: row.status,
    user: row.user,
    vendorInformation: vendorOf(row.vendorInformation),
    ...row.properties,
    ...shownRevert(row),
    ...shownReport(row),
  };
}

/** What the resource shows of a report after its end, as an open property: only if there was one. */
export function shownReport({ reportedAfterwards }: Pick<ActionRow, 'reportedAfterwards'>) {
  return reportedAfterwards && { reportedAfterwards: reportOf(reportedAfterwards) };
}

/** What an unfinished action waits for; null when it waits for nothing. `isKnown` tells our providers. */
export function waitingFor(
  row: ActionRow,
  isKnown: (providerKey: string) => boolean,
): string | null {
  if (row.work === null || row.work.leased) return null;
  if (row.work.awaitingReport) return 'report';
  if (!row.work.ready) return row.work.headId ? `target:${row.work.headId}` : null;
  if (row.work.holdId !== null) return `hold:${row.work.holdId}`;
  if (row.work.providerAway || !isKnown(row.providerKey)) return 'provider';
  return row.work.due ? 'slot' : 'retry';
}

// jsonb keeps neither the order of keys nor our spelling of dates.
export function errorInfoOf(info: ResultInfo | null): ResultInfo | null {
  return info && { code: info.code, message: info.message, subcode: info.subcode };
}

function vendorOf({ provider, providerVersion, subProvider, vendor }: VendorInformation) {
  return { provider, providerVersion, subProvider, vendor };
}

function reportOf({ status, errorInfo, appId, user, dateTime }: ReportedAfterwards) {
  const reported = { status, errorInfo: errorInfoOf(errorInfo), appId, user };
  return { ...reported, dateTime: new Date(dateTime).toISOString() };
}

function stateOf({ appId, status, updatedDateTime, user }: SecurityActionState) {
  return {
    appId,
    status,
    updatedDateTime: updatedDateTime && ourSpelling(updatedDateTime),
    user,
  };
}

/** Of a moment in UTC, which jsonb ends with an offset. */
function ourSpelling(moment: string): string {
  return moment.endsWith('Z') ? moment : isoText(new Date(moment));
}
