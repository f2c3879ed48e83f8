import { z } from 'zod';

/** Who asks, as the verified token says. Nothing of it is ever taken from a request body. */
export const callerSchema = z.object({
  tenantId: z.string(),
  appId: z.string(),
  /** The person behind a delegated token, null for an application. */
  user: z.string().nullable(),
});

export type Caller = z.infer<typeof callerSchema>;
