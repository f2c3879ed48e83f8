import type { EntryOf } from '../../history.ts';
import {
  type Exchange,
  type IntentRecord,
  type RunRecord,
  entriesOf,
  isAnswered,
} from '../run-record.ts';
import { type Breach, EXCUSED, type Finding, type Rule, judgeEach, together } from '../rule.ts';

/** P6: what is stored is its sender's, and no answer and no event shows a tenant what is another's. */
export const tenantsAreWalls: Rule = {
  promise: 'P6',
  guarantee: 'no tenant is shown what is of another',
  isOfAnyPart: true,
  judge: (record) =>
    together(
      judgeEach(
        record.intents.flatMap((sent) => sent.rows.map((row) => ({ sent, row }))),
        judgeOwner,
      ),
      judgeEach(record.exchanges.filter(isAnswered), (exchange) => judgeShown(record, exchange)),
      judgeEach(record.events, (event) => {
        const { tenant, action } = event;
        if (tenant === action.azureTenantId && tenant === (tenantOf(record, action.id) ?? tenant))
          return undefined;
        return { says: `an event of ${action.id} is of tenant ${tenant}`, evidence: [event] };
      }),
    ),
};

function judgeOwner({
  sent: { tenant, app, sends, messages },
  row,
}: {
  sent: IntentRecord;
  row: EntryOf<'row'>;
}): Breach | undefined {
  const { id, azureTenantId, appId = app } = row.action;
  if (azureTenantId === tenant && appId === app) return undefined;
  return {
    says: `${id} was sent by ${tenant}/${app}, and is stored as of ${azureTenantId}/${appId}`,
    evidence: [...sends.flatMap(entriesOf), ...messages, row],
  };
}

function judgeShown(record: RunRecord, exchange: Exchange): Finding {
  const { invoke, answer } = exchange;
  const foreign = answer!.shown.find(
    ({ id, azureTenantId }) =>
      azureTenantId !== invoke.tenant || (tenantOf(record, id) ?? invoke.tenant) !== invoke.tenant,
  );
  if (foreign) {
    return {
      says: `${invoke.tenant} was shown ${foreign.id}, which is of ${tenantOf(record, foreign.id) ?? foreign.azureTenantId}`,
      evidence: entriesOf(exchange),
    };
  }
  const owner = invoke.actionId === null ? undefined : tenantOf(record, invoke.actionId);
  const isForeign = owner !== undefined && owner !== invoke.tenant;
  // What is its own, or nobody's, and shows nothing, can show nobody anything.
  if (answer!.shown.length === 0 && !isForeign) return EXCUSED;
  if (!isForeign || answer!.status >= 400) return undefined;
  return {
    says: `${invoke.tenant} was answered ${answer!.status} to a ${invoke.operation} of ${invoke.actionId}, which is of ${owner}`,
    evidence: entriesOf(exchange),
  };
}

function tenantOf(record: RunRecord, id: string): string | undefined {
  return record.rowOf(id)?.action.azureTenantId ?? undefined;
}
