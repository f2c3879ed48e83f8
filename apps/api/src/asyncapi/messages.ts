import { z } from 'zod';
import { createCommandSchema } from '#domain/command';
import { createRequestSchema } from '#domain/create-request';
import { eventHeadersSchema } from '#domain/event-headers';
import { reportMessageSchema } from '#domain/report-message';
import { addedHeadersSchema } from '#kafka/dead-letter';
import { webhookRequestSchema } from '#providers/webhook-messages';
import { simplify } from '../openapi/schemas.ts';
import { presentedActionSchema } from '../security-actions/presenter.ts';
import { EXAMPLES } from './examples.ts';

/** What `KAFKA_DOOR_AUTH=token` asks for, and all that a stranger may say beside the value. */
const requestHeadersSchema = z.looseObject({
  authorization: z
    .string()
    .describe(
      '`Bearer` and a token, valid when the message is appended. Capitals of names do not count.',
    ),
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .describe('The same key with the same value is the same action, however often it is sent.')
    .optional(),
  'client-request-id': z
    .string()
    .describe(
      '1 to 255 visible ASCII characters; anything else counts as none. Comes back with the events.',
    )
    .optional(),
  traceparent: z.string().describe('The trace that the action is to belong to.').optional(),
});

const reportHeadersSchema = requestHeadersSchema.pick({ authorization: true }).loose();
const tracedSchema = z.object({ traceparent: z.string().optional() });

/** An action as an event shows it: as it was right after that event. */
const eventActionSchema = presentedActionSchema.omit({ '@odata.etag': true, waitingFor: true });

interface Message {
  title: string;
  summary: string;
  key: string;
  headers: z.ZodType;
  /** Null: anything at all. */
  payload: z.ZodType | null;
}

const MESSAGES = {
  request: {
    title: 'A create',
    summary: 'The body of a create over HTTP.',
    key: 'Any or none. Messages with one key keep their order, whatever the number of partitions.',
    headers: requestHeadersSchema,
    payload: createRequestSchema,
  },
  report: {
    title: 'A report',
    summary: 'What a provider says has become of an action.',
    key: 'The id of the action.',
    headers: reportHeadersSchema,
    payload: reportMessageSchema,
  },
  event: {
    title: 'An event',
    summary: 'One change of one action, with the action as it was right after it.',
    key: 'The id of the action: its events keep their order.',
    headers: eventHeadersSchema,
    payload: eventActionSchema,
  },
  dispatch: {
    title: 'What is to be done',
    summary: 'An action for a provider of type `kafka`; a repeat has the same action id.',
    key: 'The target, or the id of the action if it has none.',
    headers: tracedSchema,
    payload: webhookRequestSchema,
  },
  command: {
    title: 'A command',
    summary: 'An accepted create. Internal: only the service writes it.',
    key: 'What the action acts on, so that one partition orders each target.',
    headers: tracedSchema,
    payload: createCommandSchema,
  },
  deadLetter: {
    title: 'A dead letter',
    summary:
      'A message that could not be used, byte for byte, with the cause and its origin beside it.',
    key: 'The original one.',
    headers: addedHeadersSchema.loose(),
    payload: null,
  },
} satisfies Record<string, Message>;

export type MessageName = keyof typeof MESSAGES;

/** Every message, under its name. */
export function componentMessages(): Record<string, object> {
  return Object.fromEntries(
    (Object.entries(MESSAGES) as [MessageName, Message][]).map(([name, message]) => [
      name,
      {
        name,
        title: message.title,
        summary: message.summary,
        contentType: message.payload ? 'application/json' : 'application/octet-stream',
        headers: jsonSchemaOf(message.headers),
        payload: message.payload ? jsonSchemaOf(message.payload) : {},
        bindings: {
          kafka: { key: { type: 'string', description: message.key }, bindingVersion: '0.5.0' },
        },
        examples: EXAMPLES[name],
      },
    ]),
  );
}

/** As it is on the wire: what the one who writes it must write. Draft 7 is the JSON Schema of AsyncAPI. */
function jsonSchemaOf(schema: z.ZodType): object {
  const { $schema: _, ...jsonSchema } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema: part }) => simplify(part),
  });
  return jsonSchema;
}
