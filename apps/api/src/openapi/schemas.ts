import { z } from 'zod';
import { createRequestSchema } from '#domain/create-request';
import { changeSchema } from '#domain/change';
import {
  deadLetterSchema,
  decisionRequestSchema,
  openedDeadLetterSchema,
} from '#domain/dead-letter';
import { holdInForceSchema, holdRequestSchema, holdSchema } from '#domain/hold';
import {
  keyValuePairSchema,
  resultInfoSchema,
  stateSchema,
  vendorInformationSchema,
} from '#domain/security-action';
import { healthSchema } from '#observability/health';
import { planSchema } from '#providers/resolve';
import { itemAnswerSchema } from '../batch/batch-item.ts';
import { batchSchema } from '../batch/batch-request.ts';
import { errorEnvelopeSchema } from '../http/error-filter.ts';
import { historyEntrySchema } from '../security-actions/history-entry.ts';
import { presentedActionSchema } from '../security-actions/presenter.ts';
import { providerSchema } from '../security-actions/providers.controller.ts';

/** What a client sends, by the name it has in the document. */
const BODIES = {
  createSecurityAction: createRequestSchema,
  report: changeSchema,
  batchRequest: batchSchema,
  createHold: holdRequestSchema,
  decideDeadLetter: decisionRequestSchema,
} satisfies Record<string, z.ZodType>;

const context = z.string().describe('Which part of $metadata describes the answer.');

/** What the service answers. Graph's types keep Graph's names. */
const ANSWERS = {
  'microsoft.graph.keyValuePair': keyValuePairSchema,
  'microsoft.graph.resultInfo': resultInfoSchema,
  'microsoft.graph.securityActionState': stateSchema,
  'microsoft.graph.securityVendorInformation': vendorInformationSchema,
  'microsoft.graph.securityAction': presentedActionSchema.extend({
    '@odata.context': context.optional(),
  }),
  'microsoft.graph.securityActionCollection': z.object({
    '@odata.context': context,
    '@odata.count': z.int().min(0).describe('With $count=true.').optional(),
    '@odata.nextLink': z.url().describe('The next page; absent on the last one.').optional(),
    value: z.array(presentedActionSchema),
  }),
  ODataError: errorEnvelopeSchema,
  batchResponse: z.object({ responses: z.array(itemAnswerSchema) }),
  count: z.string().regex(/^\d+$/),
  health: healthSchema,
  history: z.object({ value: z.array(historyEntrySchema) }),
  hold: holdInForceSchema,
  holdCollection: z.object({
    '@odata.nextLink': z.url().describe('The next page; absent on the last one.').optional(),
    value: z.array(holdSchema),
  }),
  deadLetter: deadLetterSchema,
  openedDeadLetter: openedDeadLetterSchema,
  deadLetterCollection: z.object({
    '@odata.nextLink': z.url().describe('The next page; absent on the last one.').optional(),
    value: z.array(deadLetterSchema),
  }),
  plan: planSchema,
  providers: z.object({ value: z.array(providerSchema) }),
  openObject: z.looseObject({}),
  text: z.string(),
} satisfies Record<string, z.ZodType>;

const SCALARS: unknown[] = ['string', 'integer', 'number', 'boolean'];

export type BodyName = keyof typeof BODIES;
export type AnswerName = keyof typeof ANSWERS;

/** Every shape as JSON Schema, under its name. */
export function componentSchemas(): Record<string, object> {
  return { ...schemasOf(BODIES, 'input'), ...schemasOf(ANSWERS, 'output') };
}

export function schemaReference(name: BodyName | AnswerName): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

function schemasOf(
  shapes: Record<string, z.ZodType>,
  io: 'input' | 'output',
): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, shape] of Object.entries(shapes)) registry.add(shape, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => schemaReference(id as AnswerName).$ref,
    override: ({ jsonSchema }) => {
      simplify(jsonSchema);
      if (io === 'output') loosen(jsonSchema);
    },
  });
  for (const schema of Object.values(schemas)) {
    delete schema.$schema;
    delete schema.$id;
  }
  return schemas;
}

/** The same in fewer words, for people who read the page. */
export function simplify(schema: z.core.JSONSchema.BaseSchema): void {
  const [value, none] = schema.anyOf ?? [];
  if (none?.type === 'null' && value && SCALARS.includes(value.type) && !value.enum) {
    delete schema.anyOf;
    Object.assign(schema, value, { type: [value.type, 'null'] });
  }
  // The format says what the pattern does.
  if (schema.format === 'date-time' || schema.format === 'uuid') delete schema.pattern;
}

/**
 * With $select an action lacks properties, and a later version may add some to any answer: a client must rely on
 * neither.
 */
function loosen(schema: z.core.JSONSchema.BaseSchema): void {
  delete schema.required;
  delete schema.default;
  if (schema.additionalProperties === false) delete schema.additionalProperties;
}
