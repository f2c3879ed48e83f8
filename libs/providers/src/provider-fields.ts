import { z } from 'zod';
import { actionSchema } from './action-entry.ts';

export const capabilitiesSchema = z.strictObject({
  idempotent: z
    .boolean()
    .default(false)
    .describe('A repeat with the same idempotency key has no second effect.'),
  cancel: z.boolean().default(false).describe('A call under way can be taken back.'),
  probe: z.boolean().default(false).describe('It can be asked what became of an action.'),
});

export type Capabilities = z.infer<typeof capabilitiesSchema>;

/** What an entry of the catalogue says whatever its type. */
export const providerFields = {
  vendor: z.string().min(1).max(256),
  provider: z.string().min(1).max(256),
  aliases: z.array(z.string().min(1)).default([]),
  capabilities: capabilitiesSchema.prefault({}),
  /** Longest wait for one answer; a call that takes longer may have acted. */
  timeoutMs: z.int().positive().max(600_000).default(10_000),
  retry: z
    .strictObject({
      attemptsMax: z.int().positive().max(100).default(3),
      backoffMs: z.int().positive().max(86_400_000).default(500),
      backoffMsMax: z.int().positive().max(86_400_000).default(30_000),
    })
    .prefault({}),
  /** How long an action waits for a provider that cannot be reached; then it is Failed, code 6. */
  queueTimeoutMs: z.int().positive().max(2_592_000_000).default(86_400_000),
  /** How long a provider that has taken an action over may stay silent about it. */
  reportTimeoutMs: z.int().positive().max(2_592_000_000).default(3_600_000),
  /** Calls of all workers to this provider at once. */
  concurrencyMax: z.int().positive().max(100_000).default(64),
  /** Who alone may report about its actions, of whatever tenant; else any app of the action's tenant. */
  reporters: z
    .array(z.strictObject({ tenant: z.string(), app: z.string() }))
    .max(100)
    .optional(),
  /** Any action name and any parameters pass, beside the listed ones. */
  allowUnknownActions: z.boolean().default(false),
  actions: z.array(actionSchema).max(1000).default([]),
};
