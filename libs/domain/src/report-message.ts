import { z } from 'zod';
import { isActionId } from './ids.ts';
import { type Report, parsedBy, reportSchema, toReport } from './report.ts';

const actionIdSchema = z
  .string()
  .refine(isActionId, 'must be the id of an action')
  .transform((id) => id.toLowerCase());
/** What a token can say: anything else would be no tenant, or nothing that Postgres takes. */
const tenantSchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be a tenant id, without blanks');

/** A report as a message on Kafka: what PATCH has in its path and headers is in it. */
export const reportMessageSchema = reportSchema.extend({
  id: actionIdSchema.describe('Which action it is about.'),
  azureTenantId: tenantSchema
    .nullish()
    .describe("The action's tenant, when the reporter is of another one."),
});

/** A report with the action it is about. */
export interface AddressedReport {
  actionId: string;
  /** Null: the reporter's own. */
  tenantId: string | null;
  report: Report;
}

/** Checks the value of a message. @throws ApiError `invalidRequest` naming each fault */
export function parseReportMessage(body: unknown): AddressedReport {
  const message = parsedBy(reportMessageSchema, body);
  return {
    actionId: message.id,
    tenantId: message.azureTenantId ?? null,
    report: toReport(message),
  };
}
