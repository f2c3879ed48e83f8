import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { PUBLISHED_SAMPLE } from './client.ts';

/*
 * Requests that no client should send. Most are nearly right: what is wrong all over is refused at the first look.
 */

/** What `Client.request` takes. */
export interface WildRequest {
  method: string;
  path: string;
  body?: unknown;
  headers: Record<string, string>;
}

const PATH = 'security/securityActions';
const base = fc.constantFrom('', 'beta/', 'v1.0/');

/** A property as it should be, most of the time; else anything, or nothing. */
const nearly = <T>(right: T) =>
  fc.oneof(
    { weight: 25, arbitrary: fc.constant<unknown>(right) },
    { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );

/** Text of every kind: what breaks JSON, Postgres, a log line, or a comparison. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('\u0000', '\ud800', "'; --", '${x}', '__proto__', 'constructor', '1e999', 'ａ'),
  fc.integer({ min: 250, max: 70_000 }).map((length) => 'x'.repeat(length)),
);

const parameter = fc.record({ name: nearly('IP'), value: fc.oneof(nearly('1.2.3.4'), text) });

const createBody = fc
  .record({
    ...Object.fromEntries(
      Object.entries(PUBLISHED_SAMPLE).map(([name, value]) => [name, nearly(value)]),
    ),
    parameters: fc.oneof(
      { weight: 8, arbitrary: fc.constant<unknown>(PUBLISHED_SAMPLE.parameters) },
      fc.array(parameter, { maxLength: 3 }),
      nearly([]),
    ),
    actionReason: fc.oneof({ weight: 5, arbitrary: nearly('Test') }, text),
    clientContext: fc.oneof({ weight: 5, arbitrary: nearly(null) }, text),
    status: nearly('NotStarted'),
    completedDateTime: nearly('2026-01-31T12:00:00Z'),
    states: nearly([]),
    errorInfo: nearly(null),
  })
  .chain((body) =>
    fc.dictionary(text, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 2 }).map((open) => ({
      ...open,
      ...body,
    })),
  );

const reportBody = fc.record({
  status: fc.oneof(nearly('Completed'), fc.constantFrom('Running', 'failed', 'NotStarted')),
  errorInfo: nearly({ code: 4, message: null, subcode: 404 }),
  attemptId: nearly(randomUUID()),
});

/** A body as it goes over the wire: whole, cut off, zipped, or no JSON at all. */
const sent = (body: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => {
  const json = body.map((value) => JSON.stringify(value) ?? 'null');
  return fc.oneof(
    { weight: 20, arbitrary: json },
    fc.tuple(json, fc.nat(200)).map(([whole, length]) => whole.slice(0, length)),
    json.map((whole) => gzipSync(whole)),
    fc.tuple(json, fc.nat(60)).map(([whole, length]) => gzipSync(whole).subarray(0, length)),
    fc.uint8Array({ maxLength: 40 }),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.constant(undefined),
  );
};

/** What a header may hold at all; a client cannot send the rest. */
const headerText = fc.string({
  unit: fc
    .oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0xa0, max: 0xff }))
    .map((code) => String.fromCodePoint(code)),
  maxLength: 300,
});

const HEADERS: Record<string, string[]> = {
  'client-request-id': ['', 'an id', randomUUID()],
  'content-type': ['', 'text/plain', 'application/json; charset=latin1', 'application/x', 'json'],
  'content-encoding': ['gzip', 'br', 'identity', 'gzip, gzip'],
  accept: ['text/html', 'application/xml'],
  authorization: ['Bearer', 'Bearer x.y.z', 'Basic eDp5'],
  prefer: ['return=minimal', 'odata.maxpagesize=1', 'return', ',,;=', 'return="minimal"; a=b'],
  'if-match': ['*', 'W/"1"', '"1", "2"', 'W/"99999999999999999999"'],
  'if-none-match': ['*', 'W/"3"', ','],
  'x-tenant-id': ['', 'tenant-b'],
  'x-forwarded-host': ['evil.example', ' '],
  'retry-attempt': ['1', '-1'],
  'idempotency-key': ['', 'k', 'two words', randomUUID()],
};

const headers = fc
  .subarray(Object.keys(HEADERS), { maxLength: 3 })
  .chain((names) =>
    fc.record(
      Object.fromEntries(
        names.map((name) => [name, fc.oneof(fc.constantFrom(...HEADERS[name]!), headerText)]),
      ),
    ),
  )
  // Mostly none, so that most requests get further than the first check.
  .chain((all) => fc.constantFrom<Record<string, string>>(all, {}, {}));

/** Ids of actions that there are, that there are not, and that are none. */
const actionId = (ids: readonly string[]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...ids) },
    fc.uuid(),
    fc.constantFrom('$count', 'validate', '%00', '..', "'", '%ff', 'null'),
    fc.string({ unit: 'binary', maxLength: 20 }).map((id) => encodeURIComponent(id.toWellFormed())),
  );

export const wildCreate: fc.Arbitrary<WildRequest> = fc.record({
  method: fc.constant('POST'),
  path: fc
    .tuple(base, fc.constantFrom(PATH, PATH, PATH, `${PATH}/validate`))
    .map((parts) => parts.join('')),
  body: sent(createBody),
  headers,
});

/** Reads, reports, cancels and deletes; none of them makes an action. */
export const wildChange = (ids: readonly string[]): fc.Arbitrary<WildRequest> => {
  const route = fc.constantFrom(
    ['GET', ''],
    ['GET', '/history'],
    ['PATCH', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/cancelSecurityAction'],
    ['POST', '/microsoft.graph.cancelSecurityAction'],
    ['PUT', ''],
  );
  return fc
    .record({
      base,
      id: actionId(ids),
      keyed: fc.boolean(),
      route,
      body: sent(reportBody),
      headers,
    })
    .map(({ base: prefix, id, keyed, route: [method, rest], body, headers: all }) => ({
      method: method!,
      path: `${prefix}${PATH}${keyed ? `('${id}')` : `/${id}`}${rest!}`,
      ...(method !== 'GET' && { body }),
      headers: all,
    }));
};

const OPTIONS = ['filter', 'orderby', 'select', 'top', 'skip', 'count', 'skiptoken', 'format'];
const FRAGMENTS = [
  'name',
  'status',
  'id',
  'createdDateTime',
  'vendorInformation/vendor',
  'parameters',
  'p/name',
  ' eq ',
  ' ne ',
  ' gt ',
  ' in ',
  ' and ',
  ' or ',
  'not ',
  '(',
  ')',
  ',',
  "'",
  "''",
  'any(p:',
  'contains(',
  'tolower(',
  'null',
  'true',
  '1',
  '-1',
  '1e400',
  "'x'",
  '2026-01-31T12:00:00Z',
  ' desc',
  ' asc',
  '*',
  '$it',
  '@p',
  '\0',
  '%',
  '_',
  '\\',
  '+',
  'W/"1"',
  '9'.repeat(30),
];

/** Lists and counts under options that are put together from what options are made of. */
export const wildList: fc.Arbitrary<WildRequest> = fc
  .record({
    base,
    rest: fc.constantFrom('', '', '/$count'),
    options: fc.array(
      fc.tuple(
        fc.constantFrom('$', '', '$$'),
        fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...OPTIONS) }, text),
        fc.oneof(
          { weight: 6, arbitrary: fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 12 }) },
          fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 1 }),
        ),
      ),
      { maxLength: 3 },
    ),
    headers,
  })
  .map(({ base: prefix, rest, options, headers: all }) => {
    const query = options.map(([sign, name, parts]) =>
      [sign + name.slice(0, 50), parts.join('')]
        .map((part) => encodeURIComponent(part.toWellFormed()))
        .join('='),
    );
    return { method: 'GET', path: `${prefix}${PATH}${rest}?${query.join('&')}`, headers: all };
  });

const batchItem = (ids: readonly string[]) =>
  fc.oneof(wildCreate, wildChange(ids), wildList).chain((request) =>
    fc.record({
      id: fc.oneof({ weight: 12, arbitrary: fc.uuid() }, nearly('1')),
      method: nearly(request.method),
      url: fc.oneof({ weight: 9, arbitrary: nearly(`/${request.path}`) }, text),
      headers: nearly(request.headers),
      body: fc.oneof(createBody, reportBody, text),
      dependsOn: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, nearly(['1'])),
    }),
  );

export const wildBatch = (ids: readonly string[]): fc.Arbitrary<WildRequest> =>
  fc.record({
    method: fc.constant('POST'),
    path: base.map((prefix) => `${prefix}$batch`),
    body: sent(
      fc.record({
        requests: fc.oneof(
          { weight: 9, arbitrary: fc.array(batchItem(ids), { maxLength: 5 }) },
          nearly([]),
        ),
      }),
    ),
    headers,
  });
