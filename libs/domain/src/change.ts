import { z } from 'zod';
import { invalidRequest } from './create-request.ts';
import { type Report, faultsOfNames, parseReport, reportSchema } from './report.ts';
import { momentSchema } from './revert.ts';

/** What a PATCH may say: how an action fares, when it is to be undone, or both. */
export const changeSchema = z.object({
  ...reportSchema.shape,
  status: reportSchema.shape.status.optional(),
  revertDateTime: momentSchema
    .nullable()
    .optional()
    .describe('When the action is to be undone; null: not at all, from now on.'),
});

const timerSchema = changeSchema.pick({ revertDateTime: true });

/** A PATCH, checked. */
export interface Change {
  report: Report | null;
  /** Null: the timer is to stop; undefined: it stays as it is. */
  revertDateTime: string | null | undefined;
}

/**
 * Checks the body of a PATCH. Only a change of the timer can do without a status.
 * @throws ApiError `invalidRequest` naming each fault
 */
export function parseChange(body: unknown): Change {
  if (typeof body !== 'object' || body === null || !('revertDateTime' in body)) {
    return { report: parseReport(body), revertDateTime: undefined };
  }
  const { revertDateTime: _, ...rest } = body;
  const { data, error } = timerSchema.safeParse(body);
  if (!data) {
    const message = error.issues[0]!.message;
    throw invalidRequest([{ code: 'invalidRequest', message, target: 'revertDateTime' }]);
  }
  // Clients name the type of whatever they send; that alone reports nothing.
  const isReport = Object.keys(rest).some(
    (name) => name in reportSchema.shape && !name.includes('@'),
  );
  const { revertDateTime } = data;
  if (isReport) return { report: parseReport(rest), revertDateTime };
  const faults = faultsOfNames(rest);
  if (faults.length > 0) throw invalidRequest(faults);
  return { report: null, revertDateTime };
}
