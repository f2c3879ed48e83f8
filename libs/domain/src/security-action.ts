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

const resultInfoSchema = z.object({
  code: z.int32(),
  message: z.string().nullable(),
  subcode: z.int32(),
});

const stateSchema = z.object({
  appId: z.string().nullable(),
  status: z.enum(STATUSES).nullable(),
  updatedDateTime: z.iso.datetime().nullable(),
  user: z.string().nullable(),
});

export const securityActionSchema = z.looseObject({
  id: z.string(),
  actionReason: z.string().nullable(),
  appId: z.string().nullable(),
  azureTenantId: z.string().nullable(),
  clientContext: z.string().nullable(),
  completedDateTime: z.iso.datetime().nullable(),
  createdDateTime: z.iso.datetime().nullable(),
  errorInfo: resultInfoSchema.nullable(),
  lastActionDateTime: z.iso.datetime().nullable(),
  name: z.string().nullable(),
  parameters: z.array(keyValuePairSchema),
  states: z.array(stateSchema),
  status: z.enum(STATUSES),
  user: z.string().nullable(),
  vendorInformation: vendorInformationSchema.nullable(),
});

/** The resource as every answer, provider call and event shows it: 15 properties, then the open ones. */
export type SecurityAction = z.infer<typeof securityActionSchema>;
export type SecurityActionState = z.infer<typeof stateSchema>;
export type KeyValuePair = z.infer<typeof keyValuePairSchema>;
export type VendorInformation = z.infer<typeof vendorInformationSchema>;
export type ResultInfo = z.infer<typeof resultInfoSchema>;

/** Graph's 15 properties, in the order in which its documentation lists them. */
export const DECLARED_PROPERTIES = Object.keys(securityActionSchema.shape);
