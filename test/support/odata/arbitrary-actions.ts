import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { SecurityAction } from '#domain/security-action';
import { STATUSES, type Status, isTerminal } from '#domain/status';
import type { TestDatabase } from '../database.ts';
import type { Kind } from './filter-model.ts';

/*
 * Actions made of few values, so that many are equal: what a filter or an order must tell apart.
 */

/** Wildcards, quotes, escapes, keywords, and two that sort otherwise by UTF-16 than by code point. */
export const COMMON_TEXTS = [
  '',
  'a',
  'A',
  'ab',
  'Ba',
  'b',
  "it's",
  '%',
  'a_',
  '100%25',
  '\\',
  'null',
  'a or b',
  '2026-01-01T00:00:00Z',
  '中',
  '豈',
  '😀',
];
export const IDS = Array.from({ length: 4 }, (_, n) => `01937f3e-0000-7000-8000-00000000abc${n}`);
export const INSTANTS = [
  '2026-01-01T00:00:00.000Z',
  '2026-01-01T00:00:00.001Z',
  '2026-01-01T00:00:00.123Z',
  '2026-02-28T23:59:59.999Z',
].map((text) => Date.parse(text));
export const STATUS_NAMES = STATUSES;

/** Everything that $filter and $orderby know of an action, as the documentation lists it. */
export const ACTION_PATHS: [string, Kind][] = [
  ['id', 'id'],
  ['actionReason', 'text'],
  ['appId', 'text'],
  ['azureTenantId', 'text'],
  ['clientContext', 'text'],
  ['completedDateTime', 'dateTime'],
  ['createdDateTime', 'dateTime'],
  ['errorInfo/code', 'number'],
  ['errorInfo/message', 'text'],
  ['errorInfo/subcode', 'number'],
  ['lastActionDateTime', 'dateTime'],
  ['name', 'text'],
  ['status', 'status'],
  ['user', 'text'],
  ['vendorInformation/provider', 'text'],
  ['vendorInformation/providerVersion', 'text'],
  ['vendorInformation/subProvider', 'text'],
  ['vendorInformation/vendor', 'text'],
];

const text = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...COMMON_TEXTS) },
  fc.string({ maxLength: 3 }),
);
const maybeText = fc.option(text, { freq: 2 });
const dateTime = fc.constantFrom(...INSTANTS).map((instant) => new Date(instant).toISOString());

const arbitraryAction: fc.Arbitrary<SecurityAction> = fc
  .record({
    actionReason: maybeText,
    appId: text,
    clientContext: maybeText,
    completedDateTime: dateTime,
    createdDateTime: dateTime,
    errorInfo: fc.record({
      code: fc.constantFrom(-1, 0, 1, 3),
      message: maybeText,
      subcode: fc.constantFrom(0, 404),
    }),
    lastActionDateTime: dateTime,
    name: text,
    parameters: fc.array(fc.record({ name: text, value: maybeText }), { maxLength: 3 }),
    states: fc.array(
      fc.record({
        appId: maybeText,
        status: fc.constantFrom<Status>(...STATUSES),
        updatedDateTime: dateTime,
        user: maybeText,
      }),
      { maxLength: 3 },
    ),
    status: fc.constantFrom<Status>(...STATUSES),
    user: maybeText,
    vendorInformation: fc.record({
      provider: maybeText,
      providerVersion: maybeText,
      subProvider: maybeText,
      vendor: maybeText,
    }),
  })
  .map((action) => ({
    ...action,
    id: '',
    azureTenantId: '',
    errorInfo: action.status === 'Failed' ? action.errorInfo : null,
    completedDateTime: isTerminal(action.status) ? action.completedDateTime : null,
  }));

/** Up to twelve actions; a few of them with ids that filters ask for. */
export const arbitraryActions = fc.array(arbitraryAction, { maxLength: 12 });

/** Stores actions of a tenant, oldest first, as they are. @returns them with tenant and id */
export async function storeActions(
  database: TestDatabase,
  tenant: string,
  actions: SecurityAction[],
): Promise<SecurityAction[]> {
  const stored = actions.map((action, index) => ({
    ...action,
    azureTenantId: tenant,
    id: IDS[index] ?? randomUUID(),
  }));
  const rows = stored.map(({ states, ...action }) => ({
    ...action,
    version: states.length + 1,
    properties: {},
    providerKey: '',
    actionName: '',
    resendKey: randomUUID(),
  }));
  await insert(database, 'security_action', rows);
  const events = stored.flatMap(({ id, states }) => [
    ...states.map((state, index) => ({
      ...eventOf(tenant, id, state),
      sequence: index + 1,
      changedStatus: true,
    })),
    // Neither an event that leaves the status nor one beyond the version shows in `states`.
    { ...hiddenEvent(tenant, id), sequence: states.length + 1, changedStatus: false },
    { ...hiddenEvent(tenant, id), sequence: states.length + 2, changedStatus: true },
  ]);
  await insert(database, 'security_action_event', events);
  return stored;
}

function eventOf(tenant: string, id: string, state: SecurityAction['states'][number]) {
  const { updatedDateTime, ...rest } = state;
  return {
    ...rest,
    azureTenantId: tenant,
    actionId: id,
    type: 'created',
    dateTime: updatedDateTime,
  };
}

function hiddenEvent(tenant: string, id: string) {
  const hidden = {
    appId: null,
    user: null,
    status: 'Failed',
    updatedDateTime: '2027-01-01T00:00:00Z',
  };
  return eventOf(tenant, id, hidden as SecurityAction['states'][number]);
}

async function insert(database: TestDatabase, table: string, rows: object[]): Promise<void> {
  if (rows.length === 0) return;
  const names = Object.keys(rows[0]!).map((name) => `"${name}"`);
  await database.query(
    `INSERT INTO "${table}" (${names.join()})
     SELECT ${names.join()} FROM jsonb_populate_recordset(NULL::"${table}", $1::jsonb)`,
    [JSON.stringify(rows)],
  );
}
