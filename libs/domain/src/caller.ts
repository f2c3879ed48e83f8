import { z } from 'zod';

/** Who asks, as the verified token says. Nothing of it is ever taken from a request body. */
export const callerSchema = z.object({
  tenantId: z.string(),
  appId: z.string(),
  /** The person behind a delegated token, null for an application. */
  user: z.string().nullable(),
});

/** The same as answers of the service name it. */
export const shownCallerSchema = z.object({
  azureTenantId: z.string(),
  appId: z.string(),
  user: z.string().nullable().describe('Who signed in; null for an application.'),
});

export type Caller = z.infer<typeof callerSchema>;
