import { ROLES, type Role } from '#auth/token-claims';
import { responsesOf } from './answers.ts';
import { BATCH_OPERATIONS } from './batch.operations.ts';
import { CHANGE_OPERATIONS } from './change.operations.ts';
import { DEAD_LETTER_OPERATIONS } from './dead-letter.operations.ts';
import { EXTENSION_OPERATIONS } from './extension.operations.ts';
import { HOLD_OPERATIONS } from './hold.operations.ts';
import { JSON_TYPE, type Method, type Operation, type Operations } from './operation.ts';
import { HEADERS, PARAMETERS, type Parameter, type ParameterName } from './parameters.ts';
import { componentSchemas, schemaReference } from './schemas.ts';
import { READ_OPERATIONS } from './read.operations.ts';
import { SERVICE_OPERATIONS } from './service.operations.ts';

/** Under every base path of Graph; HEAD goes with every GET. */
export const GRAPH_OPERATIONS: Operations = merged(
  READ_OPERATIONS,
  CHANGE_OPERATIONS,
  EXTENSION_OPERATIONS,
  HOLD_OPERATIONS,
  DEAD_LETTER_OPERATIONS,
  BATCH_OPERATIONS,
);

const BASES = ['/beta', '/v1.0', ''];

const INTRODUCTION = `Microsoft Graph's \`securityActions\`, self-hosted: clients written for Graph work unchanged.

Each path exists under \`/beta\`, \`/v1.0\` and without a base, and takes HEAD where it takes GET. A path that does not
exist is answered 400, a method that it does not have 405 with \`Allow\`; every error has the form of \`ODataError\`.
Properties that are not described here may be added to any answer.`;

/** Where the id of a new action leads. */
const LINKS = Object.fromEntries(
  Object.entries(GRAPH_OPERATIONS)
    .filter(([path]) => path.includes('{id}'))
    .flatMap(([, methods]) => Object.values(methods))
    .map(({ id }) => [id, { operationId: id, parameters: { id: '$response.body#/id' } }]),
);

const COMPONENTS = {
  schemas: componentSchemas(),
  parameters: PARAMETERS,
  headers: HEADERS,
  securitySchemes: {
    bearer: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description:
        'A token of the issuer that the operator configured. What it allows is in `roles` (application) or `scp` (delegated).',
    },
  },
};

const GRAPH_PATHS = pathsOf(GRAPH_OPERATIONS);
const SERVICE_PATHS = pathsOf(SERVICE_OPERATIONS);

/** What the API is, for people and for programs. Only the servers differ with the address it was read at. */
export function openApiDocument(origin: string) {
  const here = { servers: [{ url: origin }] };
  const servicePaths = Object.entries(SERVICE_PATHS).map(([path, item]) => [
    path,
    { ...here, ...item },
  ]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Security Actions',
      version: '0.1.0',
      description: INTRODUCTION,
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: BASES.map((base) => ({ url: `${origin}${base}` })),
    paths: { ...GRAPH_PATHS, ...Object.fromEntries(servicePaths) } as Record<string, object>,
    components: COMPONENTS,
  };
}

function merged(...parts: Operations[]): Operations {
  const all: Operations = {};
  for (const [path, methods] of parts.flatMap(Object.entries)) {
    all[path] = { ...all[path], ...(methods as Operations[string]) };
  }
  return all;
}

function pathsOf(operations: Operations): Record<string, object> {
  return Object.fromEntries(
    Object.entries(operations).map(([path, methods]) => [
      path,
      Object.fromEntries(
        (Object.entries(methods) as [Method, Operation][]).map(([method, operation]) => [
          method,
          operationObject(path, operation),
        ]),
      ),
    ]),
  );
}

function operationObject(path: string, operation: Operation): object {
  const { id, tag, summary, description, access, body } = operation;
  const isInPath = (name: string) => path.includes(`{${name}}`);
  const names = Object.keys(PARAMETERS).filter(
    (name): name is ParameterName =>
      name === 'clientRequestId' ||
      isInPath(name) ||
      operation.parameters?.includes(name as ParameterName) === true,
  );
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    security: access === 'public' ? [] : securityOf(access),
    parameters: names.map((name) => parameterOf(name, operation)),
    ...(body && {
      requestBody: {
        required: body.required,
        content: {
          [JSON_TYPE]: { schema: schemaReference(body.name), examples: bodyExamples(operation) },
        },
      },
    }),
    responses: responsesOf(operation, LINKS),
  };
}

/** Any one of the roles that allow it. */
function securityOf(access: Role): object[] {
  return Object.entries(ROLES)
    .filter(([, allowed]) => allowed.includes(access))
    .map(([role]) => ({ bearer: [role] }));
}

/** By reference, unless the operation has examples of its own for it. */
function parameterOf(name: ParameterName, { examples = {} }: Operation): object {
  const values = Object.entries(examples).flatMap(([example, { summary, parameters }]) => {
    const value = parameters?.[name];
    return value === undefined
      ? []
      : [[example, { summary, value: typed(PARAMETERS[name], value) }]];
  });
  if (values.length === 0) return { $ref: `#/components/parameters/${name}` };
  return { ...PARAMETERS[name], examples: Object.fromEntries(values) as Record<string, object> };
}

function typed({ schema }: Parameter, value: string): string | number {
  return 'type' in schema && schema.type === 'integer' ? Number(value) : value;
}

function bodyExamples({ examples = {} }: Operation): Record<string, object> {
  return Object.fromEntries(
    Object.entries(examples).flatMap(([name, { summary, body }]) =>
      body === undefined ? [] : [[name, { summary, value: body }]],
    ),
  );
}
