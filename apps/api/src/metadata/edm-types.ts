import { z } from 'zod';
import {
  keyValuePairSchema,
  securityActionSchema,
  vendorInformationSchema,
} from '#domain/security-action';

/** OData's names of types, by property; a question mark at the end: it may be null. */
export type Properties = Record<string, string>;

export const GRAPH = 'microsoft.graph';

/** Graph's complex types: the very schemas that check and describe the resource. */
export const COMPLEX_TYPES = {
  keyValuePair: keyValuePairSchema,
  resultInfo: securityActionSchema.shape.errorInfo.unwrap(),
  securityActionState: securityActionSchema.shape.states.element,
  securityVendorInformation: vendorInformationSchema,
};

/** The properties of a schema as OData calls their types. */
export function propertiesOf(schema: z.ZodObject): Properties {
  return Object.fromEntries(
    Object.entries(schema.shape).map(([name, type]) => [name, edmTypeOf(type)]),
  );
}

/** @throws Error for a schema that OData has no name for: the metadata would be wrong without a word */
function edmTypeOf(schema: z.core.$ZodType): string {
  if (schema instanceof z.ZodNullable) return `${edmTypeOf(schema.unwrap())}?`;
  if (schema instanceof z.ZodArray) return `Collection(${edmTypeOf(schema.element)})`;
  if (schema instanceof z.ZodISODateTime) return 'Edm.DateTimeOffset';
  if (schema instanceof z.ZodString) return 'Edm.String';
  if (schema instanceof z.ZodNumberFormat) return 'Edm.Int32';
  // There is one enumeration, Graph's own.
  if (schema instanceof z.ZodEnum) return `${GRAPH}.operationStatus`;
  const complex = Object.entries(COMPLEX_TYPES).find(([, type]) => type === schema);
  if (complex === undefined) throw new Error('A property has a schema without an OData type.');
  return `${GRAPH}.${complex[0]}`;
}
