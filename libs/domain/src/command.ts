import { z } from 'zod';
import { callerSchema } from './caller.ts';
import { revertAfterSchema } from './revert.ts';
import { keyValuePairSchema, vendorInformationSchema } from './security-action.ts';

/*
 * What travels on the commands topic: everything the worker needs to store and run an action without asking
 * anybody. Internal: only the API and the worker write it.
 */

const resolvedProviderSchema = z.object({
  /** `vendor/provider` as the catalogue spells it. */
  key: z.string(),
  /** The action's name as the catalogue spells it. */
  action: z.string(),
});

/** The value of a message on the commands topic. */
export const createCommandSchema = z.object({
  schemaVersion: z.literal(1),
  /** When the API accepted it: the action's `createdDateTime`. */
  acceptedDateTime: z.iso.datetime(),
  /** When the API got it, which may be seconds before. Absent in commands of older releases, and where nobody waited. */
  receivedDateTime: z.iso.datetime().optional(),
  caller: callerSchema,
  clientRequestId: z.string().nullable(),
  /** The client's `Idempotency-Key`; the id is derived from it. Absent in commands of older releases. */
  idempotencyKey: z.string().nullish(),
  /** The client says that it sent this create before. Absent in commands of older releases. */
  isResend: z.boolean().optional(),
  provider: resolvedProviderSchema,
  /** Actions with the same key run one after the other, in log order. Null: no target, no order. */
  targetKey: z.uuid().nullable(),
  /** Equal for two creates that may be one create sent twice (same caller, request id and body); kept with the row. */
  resendKey: z.uuid(),
  action: z.object({
    id: z.uuid(),
    name: z.string(),
    actionReason: z.string().nullable(),
    clientContext: z.string().nullable(),
    parameters: z.array(keyValuePairSchema),
    vendorInformation: vendorInformationSchema,
    /** Open-type properties of the root, kept and given back as they came. */
    properties: z.record(z.string(), z.unknown()),
    /** When it is to be undone: a moment, or a time after its end. Absent in commands of older releases. */
    revertDateTime: z.iso.datetime().nullish(),
    revertAfter: revertAfterSchema.nullish(),
    /** The action that this one undoes: then a timer made it, and nobody by hand. */
    revertsActionId: z.uuid().nullish(),
  }),
});

export type CreateCommand = z.infer<typeof createCommandSchema>;

/** A command as it is read, with the trace that it belongs to: that travels beside it, in the header `traceparent`. */
export interface ReadCommand extends CreateCommand {
  traceparent?: string | undefined;
}

/** Before this moment, in milliseconds, no further sending of it can have been sent. */
export function receivedMs({
  receivedDateTime,
  acceptedDateTime,
}: Pick<CreateCommand, 'receivedDateTime' | 'acceptedDateTime'>): number {
  return Date.parse(receivedDateTime ?? acceptedDateTime);
}

/** The Kafka key of a command: one target, one partition, one order. */
export function commandKey(command: CreateCommand): string {
  return command.targetKey ?? command.resendKey;
}

/** @throws Error that says what is wrong with a message that is no command. */
export function decodeCommand(value: Buffer | null): CreateCommand {
  if (value === null) throw new Error('The message has no value.');
  let json: unknown;
  try {
    json = JSON.parse(value.toString('utf8'));
  } catch {
    throw new Error('The value is not JSON.');
  }
  const parsed = createCommandSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Error(`Not a create command: ${issue?.path.join('.')}: ${issue?.message}`);
}
