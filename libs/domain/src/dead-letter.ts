import { z } from 'zod';
import { shownCallerSchema } from './caller.ts';
import { faultsOf, invalidRequest, storableText } from './create-request.ts';
import { ApiError } from './errors.ts';

/*
 * Dead letters as operators see them: messages that could not be used, why, and what was decided about each. Graph has
 * no such thing; names are those of an action where they mean the same.
 */

/** `open`: nobody has decided about it yet. A letter is replayed or discarded once, and stays so. */
export const DEAD_LETTER_STATES = ['open', 'replayed', 'discarded'] as const;

export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** The tenant of letters whose sender nobody has proved: none that a token can name. */
export const NOBODY = '';

const REASON_LENGTH_MAX = 1000;

/** The body of a replay or of a discard; there need be none. */
export const decisionRequestSchema = z.strictObject({
  reason: storableText(REASON_LENGTH_MAX)
    .nullish()
    .transform((text) => text ?? null)
    .describe('Why, for those who come across the letter later.'),
});

const placeSchema = z.object({ partition: z.int(), offset: z.string() });

/** A letter as every answer shows it. */
export const deadLetterSchema = z.object({
  id: z.string(),
  state: z.enum(DEAD_LETTER_STATES),
  azureTenantId: z
    .string()
    .nullable()
    .describe('The tenant of who sent it; null if nobody has proved to have sent it.'),
  appId: z.string().nullable(),
  user: z.string().nullable(),
  createdDateTime: z.iso.datetime().describe('When it was put aside.'),
  code: z.string().describe('Why: a code of docs/errors.md.'),
  message: z.string(),
  attempts: z
    .int()
    .describe('How often its partition had been tried from where the batch with it began.'),
  firstFailedDateTime: z.iso.datetime(),
  origin: placeSchema
    .extend({
      topic: z
        .string()
        .describe('Without the prefix of the installation: `requests`, `reports`, `commands`.'),
      dateTime: z.iso
        .datetime()
        .nullable()
        .describe('As Kafka has it; null for a time that no calendar has.'),
    })
    .describe('Where the message was.'),
  kept: placeSchema.describe('Where it lies in the topic of dead letters, for 14 days.'),
  valueBytes: z.int().nullable().describe('Null for a message without a value.'),
  decidedDateTime: z.iso.datetime().nullable().describe('When it was replayed or discarded.'),
  decidedBy: shownCallerSchema.nullable(),
  reason: z.string().nullable(),
  actionId: z
    .string()
    .nullable()
    .describe('Once replayed: the action that it became, or that it reports about.'),
});

const bytesSchema = z.object({
  base64: z.string(),
  text: z.string().nullable().describe('The same as text; null if it is not UTF-8.'),
});

/** One letter with what the message held. */
export const openedDeadLetterSchema = deadLetterSchema.extend({
  contents: z
    .object({
      key: bytesSchema.nullable(),
      headers: z
        .array(z.object({ name: z.string(), value: bytesSchema.nullable() }))
        .describe('But for `authorization`, which nobody gets to see.'),
      value: bytesSchema.nullable(),
    })
    .nullable()
    .describe('Null if it is larger than any request may be: `kept` says where it is.'),
});

export type DeadLetter = z.infer<typeof deadLetterSchema>;
export type OpenedDeadLetter = z.infer<typeof openedDeadLetterSchema>;

/** @returns the reason that the body gives; null without one. @throws ApiError `invalidRequest` */
export function parseDecision(body: unknown): string | null {
  if (body === undefined || body === null) return null;
  if (typeof body !== 'object' || Array.isArray(body)) {
    throw new ApiError('invalidRequest', 'The body must be a JSON object with a reason, or empty.');
  }
  const parsed = decisionRequestSchema.safeParse(body);
  if (parsed.success) return parsed.data.reason;
  throw invalidRequest(parsed.error.issues.flatMap(faultsOf));
}
