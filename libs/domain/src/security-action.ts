import { z } from 'zod';
import { STATUSES } from './status.ts';

/*
 * Microsoft Graph's `securityAction` and its complex types, spelled as Graph spells them. These schemas give
 * the types, the checks and the API description; the table of the database uses the same names.
 */

export const keyValuePairSchema = z.object({ name: z.string(), value: z.string().nullable() });

export const vendorInformationSchema = z.object({
  provider: z.string().nullable(),
  providerVersion: z.string().nullable(),
  subProvider: z.string().nullable(),
  vendor: z.string().nullable(),
});

export const resultInfoSchema = z.object({
  code: z.int32().describe('Why it failed: docs/errors.md lists the codes.'),
  message: z.string().nullable(),
  subcode: z.int32().describe("The provider's HTTP status, or 0."),
});

export const stateSchema = z.object({
  appId: z.string().nullable(),
  status: z.enum(STATUSES).nullable(),
  updatedDateTime: z.iso.datetime().nullable(),
  user: z.string().nullable(),
});

export const securityActionSchema = z.looseObject({
  id: z.string().describe('Opaque; set by the service.'),
  actionReason: z.string().nullable(),
  appId: z.string().nullable().describe('The application of the token that created it.'),
  azureTenantId: z.string().nullable().describe('The tenant of that token.'),
  clientContext: z.string().nullable().describe("The client's own text, up to 256 characters."),
  completedDateTime: z.iso.datetime().nullable().describe('When it ended; null until then.'),
  createdDateTime: z.iso.datetime().nullable(),
  errorInfo: resultInfoSchema.nullable().describe('Why it is Failed; null otherwise.'),
  lastActionDateTime: z.iso.datetime().nullable().describe('When it last changed.'),
  name: z.string().nullable().describe('What to do: an action of the provider, as it was sent.'),
  parameters: z.array(keyValuePairSchema),
  states: z.array(stateSchema).describe('Every status so far, the first one first.'),
  status: z.enum(STATUSES),
  user: z.string().nullable().describe('Who signed in; null for an application.'),
  vendorInformation: vendorInformationSchema.nullable().describe('Which provider acts.'),
});

/** The resource as every answer, provider call and event shows it: 15 properties, then the open ones. */
export type SecurityAction = z.infer<typeof securityActionSchema>;
export type SecurityActionState = z.infer<typeof stateSchema>;
export type KeyValuePair = z.infer<typeof keyValuePairSchema>;
export type VendorInformation = z.infer<typeof vendorInformationSchema>;
export type ResultInfo = z.infer<typeof resultInfoSchema>;

/** Graph's 15 properties, in the order in which its documentation lists them. */
export const DECLARED_PROPERTIES = Object.keys(securityActionSchema.shape);
