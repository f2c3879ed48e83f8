/** The parts of an OpenAPI document that the tests look at. */
export interface OpenApi {
  openapi: string;
  info: { version: string };
  servers: { url: string }[];
  paths: Record<string, PathItem>;
  components: {
    schemas: Record<string, Schema>;
    headers: Record<string, { required: boolean }>;
    parameters: Record<string, ParameterObject>;
  };
}

interface ParameterObject {
  $ref?: string;
  name: string;
  in: string;
}

interface PathItem {
  servers?: { url: string }[];
  get?: OperationObject;
  post?: OperationObject;
  patch?: OperationObject;
  delete?: OperationObject;
}

interface OperationObject {
  operationId: string;
  security: Record<string, string[]>[];
  parameters: ParameterObject[];
  requestBody?: { content: Content };
  responses: Record<string, ResponseObject>;
}

export interface ResponseObject {
  headers: Record<string, { $ref: string }>;
  content?: Content;
}

type Examples = Record<string, { value: unknown }>;
type Content = Record<string, { schema: Schema; examples?: Examples }>;
export type Schema = Record<string, unknown>;

export interface OperationOfDocument {
  method: string;
  path: string;
  /** At the first server that has it. */
  url: string;
  operation: OperationObject;
}

/** Every operation, in the order of the document. */
export function operationsOf(document: OpenApi): OperationOfDocument[] {
  return Object.entries(document.paths).flatMap(([path, { servers, ...methods }]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      url: `${(servers ?? document.servers)[0]!.url}${path}`,
      operation: operation as OperationObject,
    })),
  );
}

/** What an operation takes beside a body. */
export function parametersOf(document: OpenApi, operation: OperationObject): ParameterObject[] {
  return operation.parameters.map((parameter) =>
    parameter.$ref === undefined
      ? parameter
      : document.components.parameters[parameter.$ref.split('/').at(-1)!]!,
  );
}

/**
 * A schema that takes no property it does not name, made from one that leaves room for later ones: what is answered
 * today must all be described.
 */
export function closed(schema: Schema): Schema {
  const inside = Object.entries(schema).map(([key, value]) => [key, closedPart(key, value)]);
  const copy = Object.fromEntries(inside) as Schema;
  return 'properties' in copy && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}

function closedPart(key: string, value: unknown): unknown {
  if (key === 'properties') {
    const entries = Object.entries(value as Record<string, Schema>);
    return Object.fromEntries(entries.map(([name, property]) => [name, closed(property)]));
  }
  if (key === 'anyOf') return (value as Schema[]).map(closed);
  return key === 'items' ? closed(value as Schema) : value;
}
