import { z } from 'zod';
import { ApiError, type ErrorDetail, FAILURE_CODES } from './errors.ts';
import { faultsOf, invalidRequest, odataType, sayRequired } from './create-request.ts';
import type { EventType } from './event.ts';
import type { ResultInfo } from './security-action.ts';
import { type Status, isTerminal, parseStatus } from './status.ts';

/*
 * What a provider reports about an action, and what that makes of it. The truth about an action is its provider's,
 * but a status only moves forward, and a terminal one never changes.
 */

export const reportSchema = z.object({
  '@odata.type': odataType('securityAction'),
  status: z
    .string()
    .transform((text) => parseStatus(text))
    .refine((status) => status !== undefined, 'must be NotStarted, Running, Completed or Failed')
    .describe('NotStarted, Running, Completed or Failed, in any case.'),
  errorInfo: z
    .strictObject({
      '@odata.type': odataType('resultInfo'),
      code: z.int32(),
      message: z.string().max(4096).nullish(),
      subcode: z.int32().default(0),
    })
    .nullish(),
  attemptId: z.uuid().nullish().describe('Which attempt it is about; without it: the present one.'),
});

/** A report, checked. */
export interface Report {
  status: Status;
  errorInfo: ResultInfo | null;
  attemptId: string | null;
}

const OURS: readonly number[] = Object.values(FAILURE_CODES);

/** What may stand in a report beside what counts: clients send whole resources back. */
const CARRIED = [
  'id',
  'appId',
  'azureTenantId',
  'user',
  'states',
  'createdDateTime',
  'lastActionDateTime',
  'completedDateTime',
  'revertsActionId',
  'revertedByActionId',
];

/**
 * Checks the body of a report. What it carries beside status, errorInfo and attemptId must be what the service sets
 * itself, as in a resource that a client read and sends back.
 * @throws ApiError `invalidRequest` naming each fault
 */
export function parseReport(body: unknown): Report {
  return toReport(parsedBy(reportSchema, body));
}

/** What a body says by `reportSchema` or more. @throws ApiError as `parseReport` */
export function parsedBy<Schema extends typeof reportSchema>(
  schema: Schema,
  body: unknown,
): z.infer<Schema> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError('invalidRequest', 'The body must be a JSON object with a status.');
  }
  const faults = faultsOfNames(body);
  const parsed = schema.safeParse(body, { error: sayRequired });
  faults.push(...(parsed.error?.issues.flatMap(faultsOf) ?? []));
  if (!parsed.success || faults.length > 0) throw invalidRequest(faults);
  return parsed.data;
}

/** The report of a checked body, in a form that can be stored. */
export function toReport({ status, errorInfo, attemptId }: z.infer<typeof reportSchema>): Report {
  return {
    status: status!,
    errorInfo: errorInfo
      ? {
          code: errorInfo.code,
          message: storable(errorInfo.message ?? null),
          subcode: errorInfo.subcode,
        }
      : null,
    attemptId: attemptId ?? null,
  };
}

/** What of a body is neither of a report nor what the service sets itself. */
export function faultsOfNames(body: object): ErrorDetail[] {
  return Object.keys(body)
    .filter(
      (name) =>
        !Object.hasOwn(reportSchema.shape, name) && !CARRIED.includes(name) && !name.includes('@'),
    )
    .map((name) => ({
      code: 'invalidRequest',
      message: 'cannot be changed; what can is status, errorInfo, attemptId and revertDateTime',
      target: name,
    }));
}

/** What of an action decides about a report. */
export interface ReportedAction {
  status: Status;
  errorInfo: ResultInfo | null;
  /** The attempt that its provider has taken over or is asked about; else the one under way, if any. */
  attemptId: string | null;
  /** What its provider knows the attempt as, if it was told by a message. */
  dispatchId: string;
  /** A late truth is on record already. */
  reportedAfterwards: boolean;
}

/** What a report makes of an action: nothing, one event, or a refusal. */
export type ReportVerdict =
  | { kind: 'unchanged' }
  /** `late`: what to keep of it all the same, where the reporter hears of no refusal. */
  | { kind: 'refused'; message: string; late: ReportEvent | null }
  | ReportEvent;

export interface ReportEvent {
  kind: 'event';
  type: Extract<
    EventType,
    'started' | 'completed' | 'failed' | 'lateReport' | 'reportedAfterwards'
  >;
  errorInfo: ResultInfo | null;
}

/** The rules, in the order in which they apply. */
export function judgeReport(action: ReportedAction, report: Report): ReportVerdict {
  const { status, attemptId } = report;
  if (isTerminal(action.status)) return judgeLateReport(action, report);
  if (status === 'NotStarted') {
    if (action.status === 'NotStarted') return { kind: 'unchanged' };
    return {
      kind: 'refused',
      message: 'The action is Running; a status only moves forward.',
      late: null,
    };
  }
  if (status === 'Running') {
    if (action.status === 'Running') return { kind: 'unchanged' };
    return { kind: 'event', type: 'started', errorInfo: null };
  }
  if (status === 'Completed') return { kind: 'event', type: 'completed', errorInfo: null };
  // An attempt that was given up failing says nothing about the one under way.
  const isOld =
    attemptId !== null && attemptId !== action.attemptId && attemptId !== action.dispatchId;
  return { kind: 'event', type: isOld ? 'lateReport' : 'failed', errorInfo: failureOf(report) };
}

function judgeLateReport(action: ReportedAction, report: Report): ReportVerdict {
  const unknown = action.errorInfo?.code === FAILURE_CODES.outcomeUnknown;
  const errorInfo = report.status === 'Failed' ? failureOf(report) : null;
  if (unknown && isTerminal(report.status) && !action.reportedAfterwards) {
    return { kind: 'event', type: 'reportedAfterwards', errorInfo };
  }
  if (report.status === action.status) return { kind: 'unchanged' };
  return {
    kind: 'refused',
    message: `The action has ended already: ${action.status}. A terminal status never changes.`,
    // A status that the action has left behind says nothing new.
    late: isTerminal(report.status) ? { kind: 'event', type: 'lateReport', errorInfo } : null,
  };
}

/** Our own codes say what the service did; a provider that uses one by chance must not say it for us. */
function failureOf({ errorInfo }: Report): ResultInfo {
  const rejected = FAILURE_CODES.providerRejected;
  if (!errorInfo) return { code: rejected, message: null, subcode: 0 };
  return OURS.includes(errorInfo.code) ? { ...errorInfo, code: rejected } : errorInfo;
}

function storable(text: string | null): string | null {
  return text && text.replaceAll('\u0000', '').toWellFormed();
}
