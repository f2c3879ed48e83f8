import { z } from 'zod';
import { FAILURE_CODES } from '#domain/errors';
import { type ResultInfo, securityActionSchema } from '#domain/security-action';
import { type Status, parseStatus } from '#domain/status';

/* What a webhook is sent, and what it may answer: docs/providers.md shows both. */

/** Longest message that is taken over from a product. */
const MESSAGE_LENGTH_MAX = 1000;

/** The body of a call, to `url`. */
export const webhookRequestSchema = z.object({
  action: securityActionSchema,
  attempt: z.int().positive(),
  attemptId: z.string(),
});

/** The body of a question, to `cancelUrl` and `probeUrl`: attempt 0 is of an action that was reported Running before any call. */
export const webhookQuestionSchema = webhookRequestSchema.extend({
  attempt: z.int().nonnegative(),
});

export type WebhookRequest = z.infer<typeof webhookRequestSchema>;

const answerSchema = z.looseObject({
  status: z.string().transform(parseStatus).optional(),
  errorInfo: z.looseObject({ message: z.string().nullish() }).nullish().catch(null),
});

const messageSchema = z.union([
  z.object({ message: z.string() }).transform(({ message }) => message),
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z
    .object({ errorInfo: z.object({ message: z.string() }) })
    .transform(({ errorInfo }) => errorInfo.message),
]);

/** What a product says of an action. */
export interface Said {
  status: Status;
  errorInfo: ResultInfo | null;
}

/**
 * Reads the body of an answer: what it says, `silent` if it says nothing of a status, `unclear` if it cannot be
 * understood. A page of a proxy, say, is unclear: it must not pass for a product that has acted.
 */
export function readAnswer(body: string, httpStatus: number): Said | 'silent' | 'unclear' {
  if (body.trim() === '') return 'silent';
  const json = parsedJson(body);
  const parsed = answerSchema.safeParse(json);
  if (!parsed.success) return 'unclear';
  const { status, errorInfo } = parsed.data;
  if (status === undefined) {
    return Object.hasOwn(json as object, 'status') || errorInfo ? 'unclear' : 'silent';
  }
  const failure = () => rejection(errorInfo?.message ?? null, httpStatus);
  return { status, errorInfo: status === 'Failed' ? failure() : null };
}

/** Why a product refused an action, from the body of its answer: a message as JSON, or the text itself. */
export function refusalOf(body: string, httpStatus: number): ResultInfo {
  const message = messageSchema.safeParse(parsedJson(body)).data ?? body.trim();
  return rejection(message || `HTTP ${httpStatus}`, httpStatus);
}

function rejection(message: string | null, subcode: number): ResultInfo {
  return { code: FAILURE_CODES.providerRejected, message: message && bounded(message), subcode };
}

/** Without what neither Postgres nor a client would take. */
function bounded(message: string): string {
  return message.slice(0, MESSAGE_LENGTH_MAX).replaceAll('\u0000', '').toWellFormed();
}

function parsedJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
