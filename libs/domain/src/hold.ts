import { z } from 'zod';
import { shownCallerSchema } from './caller.ts';
import { faultsOf, invalidRequest, storableText } from './create-request.ts';
import { ApiError } from './errors.ts';
import { STATUSES } from './status.ts';

/*
 * Holds, the emergency stop: an operator stops what is not with its provider yet, for everything or for a part. Graph
 * has no such thing; names are those of an action where they mean the same.
 */

const REASON_LENGTH_MAX = 1000;

/** An empty one would hold nothing, though everything may be meant. */
const scopePart = storableText(256)
  .min(1, 'must not be empty; leave it out to hold everything')
  .nullish()
  .transform((text) => text ?? null);

/** The body of a new hold: what it covers, all that fits every part that is given. Without any: everything. */
export const holdRequestSchema = z
  .strictObject({
    azureTenantId: scopePart.describe(
      "Actions of this tenant, in any case. Without it: the token's tenant; every tenant, if the token's is an operator's.",
    ),
    vendor: scopePart.describe('Narrows `provider`, where several vendors have one of that name.'),
    provider: scopePart.describe('Actions of this provider, by a name of the catalogue.'),
    name: scopePart.describe(
      'Actions of this name, in any case. One that the catalogue does not list takes a `provider` that allows it.',
    ),
    reason: storableText(REASON_LENGTH_MAX)
      .nullish()
      .transform((text) => text ?? null)
      .describe('Why, for those who find their actions held.'),
  })
  .refine(({ vendor, provider }) => vendor === null || provider !== null, {
    path: ['provider'],
    message: 'is required beside a vendor',
  });

export type HoldRequest = z.output<typeof holdRequestSchema>;

/** A hold as every answer shows it. */
export const holdSchema = z.object({
  id: z.string(),
  azureTenantId: z.string().nullable().describe('The tenant whose actions wait; null: all.'),
  vendor: z.string().nullable(),
  provider: z.string().nullable().describe('The provider whose actions wait; null: all.'),
  name: z.string().nullable().describe('The name of the actions that wait; null: all.'),
  reason: z.string().nullable(),
  createdDateTime: z.iso.datetime(),
  createdBy: shownCallerSchema,
  releasedDateTime: z.iso.datetime().nullable().describe('Null as long as it stands.'),
  releasedBy: shownCallerSchema.nullable(),
});

const inFlightActionSchema = z.object({
  id: z.string(),
  azureTenantId: z.string(),
  status: z.enum(STATUSES),
  vendor: z.string().nullable(),
  provider: z.string(),
  name: z.string(),
  attempt: z.int().describe('Which call it is, from 1.'),
  leaseUntil: z.iso
    .datetime()
    .nullable()
    .describe('Until when its worker answers for it; renewed. In the past: that worker is lost.'),
  awaitingReport: z.boolean().describe('Its provider has taken it over and is to report its end.'),
});

/** A hold that stands, with what it keeps waiting and what it came too late for. */
export const holdInForceSchema = holdSchema.extend({
  heldCount: z
    .int()
    .nullable()
    .describe(
      'Actions it covers that wait now. 0 may mean that its scope is not what was meant. Null: they could not be counted in time; it stands all the same. Absent once it is released.',
    )
    .optional(),
  inFlightCount: z
    .int()
    .describe('Actions it covers that were with their provider, or on their way, before it stood.')
    .optional(),
  inFlight: z
    .array(inFlightActionSchema)
    .describe('The oldest of them, 100 at most. Absent once the hold is released.')
    .optional(),
});

export type Hold = z.infer<typeof holdSchema>;
export type HoldInForce = z.infer<typeof holdInForceSchema>;

/**
 * Checks the body of a new hold. Nothing is taken for a hold of everything that does not say so.
 * @throws ApiError `invalidRequest` naming each fault
 */
export function parseHoldRequest(body: unknown): HoldRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError('invalidRequest', 'The body must be a JSON object; {} holds everything.');
  }
  const parsed = holdRequestSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw invalidRequest(parsed.error.issues.flatMap(faultsOf));
}
