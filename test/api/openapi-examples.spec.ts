import { randomUUID } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiError } from '#domain/errors';
import { GRAPH_OPERATIONS } from '../../apps/api/src/openapi/document.ts';
import { DEAD_LETTER_OPERATIONS } from '../../apps/api/src/openapi/dead-letter.operations.ts';
import { HOLD_OPERATIONS } from '../../apps/api/src/openapi/hold.operations.ts';
import type { Exchange, Operation } from '../../apps/api/src/openapi/operation.ts';
import { PARAMETERS, type ParameterName } from '../../apps/api/src/openapi/parameters.ts';
import { SERVICE_OPERATIONS } from '../../apps/api/src/openapi/service.operations.ts';
import { type Answer, Client, PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { closed, type OpenApi, operationsOf, type ResponseObject } from '../support/openapi.ts';
import { drained } from '../support/drained.ts';
import { putAside } from '../support/put-aside.ts';
import { System } from '../support/system.ts';

const operations = Object.values({ ...GRAPH_OPERATIONS, ...SERVICE_OPERATIONS }).flatMap(
  (methods) => Object.values(methods) as Operation[],
);
const exchanges = operations.flatMap(({ id, examples = {} }) =>
  Object.entries(examples).map(([name, exchange]) => ({ id, name, exchange })),
);

/** Who sends an example, and what its path may name. */
interface Asker {
  client: Client;
  ids: Record<string, string>;
}

/** What differs from one time to the next: ids, times, places in a log, the address of the service. */
function masked(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+Z)?/g, '<time>')
    .replaceAll(/"partition":\d+,"offset":"\d+"/g, '"place":"<place>"')
    .replaceAll(/https?:\/\/[\w.:]+/g, '<origin>');
  return JSON.parse(text);
}

/** Lists cut to the length that the example has: an example may show the first of many. */
function asLongAs(value: unknown, example: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(example)) {
    return value.slice(0, example.length).map((item, at) => asLongAs(item, example[at]));
  }
  if (!isObject(value) || !isObject(example)) return value;
  const entries = Object.entries(value).map(([key, part]) => [key, asLongAs(part, example[key])]);
  return Object.fromEntries(entries);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

describe('the examples of /openapi.json', () => {
  let system: System;
  let document: OpenApi;
  const ajv = new Ajv2020({ strict: false, validateFormats: false });

  beforeAll(async () => {
    system = await System.start();
    const url = `${system.apis[0]!.url}/openapi.json`;
    document = (await new Client(url, '').request<OpenApi>('GET', url)).body;
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      ajv.addSchema(closed(schema), `#/components/schemas/${name}`);
    }
  });
  afterAll(() => system?.stop());

  const until = (client: Client, actionId: string, status: string) =>
    vi.waitFor(async () => expect((await client.get(actionId)).body.status).toBe(status), {
      timeout: 20_000,
      interval: 50,
    });

  /** A client of a tenant of its own, that has the published sample, completed. */
  async function clientWithAction(): Promise<Asker> {
    const client = await system.client({ tenant: randomUUID(), app: randomUUID() });
    const id = await client.created(PUBLISHED_SAMPLE);
    await until(client, id, 'Completed');
    return { client, ids: { id } };
  }

  /** An operator of a tenant of its own, that has a hold which came too late for one action, and not for another. */
  async function operatorWithHold(): Promise<Asker> {
    const caller = { tenant: randomUUID(), app: randomUUID() };
    const owner = await system.client(caller);
    const stalled = simulate({ outcome: 'Stall' }, 'Strict Simulator');
    await until(owner, await owner.created(stalled), 'Running');
    const client = await system.client({ ...caller, roles: ['SecurityActions.Operate.All'] });
    const [path, { post }] = Object.entries(HOLD_OPERATIONS)[0]! as [string, { post: Operation }];
    const { body } = post.examples!['actionOfProvider']!;
    const made = await client.request<{ id: string }>('POST', path, { body });
    await until(owner, await owner.created(stalled), 'NotStarted');
    return { client, ids: { holdId: made.body.id } };
  }

  /** An operator of a tenant of its own, of which a request has been put aside. */
  async function operatorWithDeadLetter(): Promise<Asker> {
    const caller = { tenant: randomUUID(), app: randomUUID() };
    await putAside(system, {
      value: JSON.stringify(simulate()),
      headers: { authorization: 'Bearer …', 'client-request-id': 'INC-4217' },
      cause: {
        message: "unknown provider 'Firewall'",
        caller: { tenantId: caller.tenant, appId: caller.app, user: null },
      },
    });
    await drained(system, 'dead-letters');
    const client = await system.client({ ...caller, roles: ['SecurityActions.Operate.All'] });
    const [path] = Object.keys(DEAD_LETTER_OPERATIONS) as [string];
    const { body } = await client.request<{ value: { id: string }[] }>('GET', path);
    return { client, ids: { deadLetterId: body.value[0]!.id } };
  }

  async function askerOf(id: string): Promise<Asker> {
    if (id.includes('Hold')) return await operatorWithHold();
    if (id.includes('DeadLetter')) return await operatorWithDeadLetter();
    return await clientWithAction();
  }

  async function send(id: string, { body, parameters = {} }: Exchange) {
    const asker = await askerOf(id);
    const found = operationsOf(document).find(({ operation }) => operation.operationId === id)!;
    const url = new URL(found.url.replace(/\{(\w+)\}/, (_, name: string) => asker.ids[name]!));
    for (const [option, value] of Object.entries(parameters)) {
      url.searchParams.set(PARAMETERS[option as ParameterName].name, value);
    }
    const answer = await asker.client.request<unknown>(found.method, url.href, { body });
    return { answer, response: found.operation.responses[answer.status] };
  }

  /** Everything in the answer is described, and everything that is described as certain is there. */
  function expectDescribed(answer: Answer<unknown>, response: ResponseObject) {
    const missing = Object.entries(response.headers)
      .filter(([, { $ref }]) => document.components.headers[$ref.split('/').at(-1)!]!.required)
      .filter(([name]) => !answer.headers.has(name));
    expect(missing).toEqual([]);
    const [type] = (answer.headers.get('content-type') ?? '').split(';');
    expect(type).toBe(Object.keys(response.content ?? {})[0] ?? '');
    const schema = response.content?.[type!]?.schema;
    const fits =
      schema === undefined ? answer.body === undefined : ajv.validate(schema, answer.body);
    expect(fits, ajv.errorsText()).toBe(true);
  }

  it.each(exchanges)('are what $id really answers: $name', async ({ id, name, exchange }) => {
    const { answer, response } = await send(id, exchange);
    const expected = exchange.answer;
    expect(answer.status).toBe(
      expected instanceof ApiError ? expected.httpStatus : expected.status,
    );
    expectDescribed(answer, response!);
    const [content] = Object.values(response!.content ?? {});
    const example = content?.examples?.[name]?.value;
    // Without content there is neither a body nor an example: undefined equals undefined.
    const shown = content === undefined ? answer.body : masked(asLongAs(answer.body, example));
    expect(shown).toEqual(content === undefined ? example : masked(example));
  });

  it('all fit the schema they illustrate', () => {
    const misfits = operationsOf(document).flatMap(({ operation }) =>
      [operation.requestBody, ...Object.values(operation.responses)]
        .flatMap((part) => Object.values(part?.content ?? {}))
        .flatMap(({ schema, examples = {} }) =>
          Object.entries(examples)
            .filter(([, { value }]) => !ajv.validate(schema, value))
            .map(([name]) => `${operation.operationId} ${name}: ${ajv.errorsText()}`),
        ),
    );
    expect(misfits).toEqual([]);
  });

  it('show every body that a client sends', () => {
    const bare = operationsOf(document).filter(
      ({ operation: { requestBody } }) =>
        requestBody &&
        Object.keys(requestBody.content['application/json']?.examples ?? {}).length === 0,
    );
    expect(bare).toEqual([]);
  });
});
