import { type OpenApi, type OperationOfDocument, operationsOf, parametersOf } from './openapi.ts';

/*
 * Every request that /openapi.json lets a client make about one action, for a look at what each says about an action
 * of another tenant.
 */

/** A request but for the id that it is about. */
export interface RequestAbout {
  method: string;
  /** Without a slash at its beginning, so also fit for `Client.request`. */
  path: (id: string) => string;
  headers: Record<string, string>;
  body?: unknown;
}

/**
 * Values for every parameter that such a request can have. A parameter that is new in the document and not here is an
 * error: it could be what makes a difference.
 */
const VALUES: Record<string, string[]> = {
  $select: ['id', 'status'],
  $format: ['json'],
  'client-request-id': [],
  'Content-Encoding': ['identity'],
  'If-Match': ['*', 'W/"1"', 'W/"3"', '"x"'],
  'If-None-Match': ['*', 'W/"1"', 'W/"3"'],
  Prefer: ['return=minimal'],
  // The caller's own: it goes with every other one, not instead of them.
  'x-tenant-id': [],
};

interface Variant {
  query?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Of one base, such as `beta/`: every operation, spelling, parameter and body. */
export function requestsAbout(document: OpenApi, base: string): RequestAbout[] {
  return operationsOf(document)
    .filter(({ path }) => path.includes('{id}'))
    .flatMap((found) => withHead(found).flatMap((method) => requestsOf(document, found, method)))
    .map((request) => ({ ...request, path: (id) => `${base}${request.path(id)}` }));
}

function withHead({ method }: OperationOfDocument): string[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}

function requestsOf(document: OpenApi, found: OperationOfDocument, method: string): RequestAbout[] {
  const spellings = [found.path, found.path.replace('/{id}', "('{id}')")];
  const [first, ...others] = bodiesOf(found);
  const variants: Variant[] = [
    { body: first },
    ...variantsOf(document, found).map((variant) => ({ body: first, ...variant })),
    ...others.map((body) => ({ body })),
  ];
  return spellings.flatMap((spelling) =>
    variants.map(({ query = '', headers = {}, body }) => ({
      method,
      path: (id) => spelling.slice(1).replace('{id}', id) + query,
      headers,
      ...(body !== undefined && { body }),
    })),
  );
}

/** The examples show each kind of body there is. */
function bodiesOf({ operation: { requestBody } }: OperationOfDocument): unknown[] {
  const examples = requestBody?.content['application/json']?.examples ?? {};
  return Object.values(examples).map(({ value }) => value);
}

function variantsOf(document: OpenApi, { operation }: OperationOfDocument): Variant[] {
  return parametersOf(document, operation)
    .filter((parameter) => parameter.in !== 'path')
    .flatMap(({ name, in: place }) => {
      const values = VALUES[name];
      if (values === undefined) throw new Error(`no value for the parameter ${name}`);
      return values.map((value) =>
        place === 'query' ? { query: `?${name}=${value}` } : { headers: { [name]: value } },
      );
    });
}
