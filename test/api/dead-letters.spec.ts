import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeadLetter, OpenedDeadLetter } from '#domain/dead-letter';
import { Client, type ErrorBody, simulate } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { operatorOf } from '../support/holds.ts';
import { type LetterChoice, putAside } from '../support/put-aside.ts';
import { System } from '../support/system.ts';

const DEAD_LETTERS = 'v1.0/security/securityActionDeadLetters';
const ROOT_TENANT = 'tenant-root';

interface Page {
  value: DeadLetter[];
  '@odata.nextLink'?: string;
}

describe('the routes of dead letters', () => {
  let system: System;
  let root: Client;
  let operator: Client;

  beforeAll(async () => {
    system = await System.start({ env: { OPERATOR_TENANTS: ROOT_TENANT } });
    root = await operatorOf(system, ROOT_TENANT);
    operator = await operatorOf(system, 'tenant-a', { user: 'olga@example.com' });
  });
  afterAll(() => system?.stop());

  const list = async (client: Client, query = '') => {
    const { status, body } = await client.request<Page>('GET', `${DEAD_LETTERS}${query}`);
    expect(status, query).toBe(200);
    return body;
  };
  const idsIn = (page: Page) => page.value.map(({ id }) => id);
  const get = <T = OpenedDeadLetter>(client: Client, id: string) =>
    client.request<T>('GET', `${DEAD_LETTERS}/${id}`);
  const decide = <T = DeadLetter>(client: Client, id: string, what: string, body?: unknown) =>
    client.request<T>('POST', `${DEAD_LETTERS}/${id}/${what}`, { body });

  const callerOf = (tenantId: string) => ({ tenantId, appId: 'app-1', user: null });

  /** Letters of a tenant of its own, and an operator of it. */
  async function lettersOf(...choices: LetterChoice[]) {
    const tenant = `tenant-${randomUUID()}`;
    for (const choice of choices) {
      await putAside(system, {
        ...choice,
        cause: { caller: callerOf(tenant), ...choice.cause },
      });
    }
    await drained(system, 'dead-letters');
    const client = await operatorOf(system, tenant);
    return { tenant, client, letters: (await list(client)).value };
  }

  async function nobodys(choice: LetterChoice = {}): Promise<string> {
    const code = `code${randomUUID()}`;
    await putAside(system, { ...choice, cause: { code, ...choice.cause, caller: null } });
    await drained(system, 'dead-letters');
    return (await list(root, `?$filter=code eq '${code}'`)).value[0]!.id;
  }

  it('show each letter with where it was, why it is there, and what it holds', async () => {
    const { tenant, client, letters } = await lettersOf({
      topic: 'reports',
      offset: 4711,
      key: 'k',
      value: Buffer.from([0xff]),
      headers: { Authorization: 'Bearer secret', trace: 'ä' },
      cause: { code: 'itemNotFound', message: 'none', attempts: 3 },
    });
    const shown = {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      state: 'open',
      azureTenantId: tenant,
      appId: 'app-1',
      user: null,
      createdDateTime: expect.stringMatching(/Z$/),
      code: 'itemNotFound',
      message: 'none',
      attempts: 3,
      firstFailedDateTime: expect.stringMatching(/Z$/),
      origin: {
        topic: 'reports',
        partition: 0,
        offset: '4711',
        dateTime: '2027-01-15T08:00:00.000Z',
      },
      kept: { partition: expect.any(Number), offset: expect.stringMatching(/^\d+$/) },
      valueBytes: 1,
      decidedDateTime: null,
      decidedBy: null,
      reason: null,
      actionId: null,
    };
    expect(letters).toEqual([shown]);
    const { status, body } = await get(client, letters[0]!.id.toUpperCase());
    expect(status).toBe(200);
    expect(body).toEqual({
      ...shown,
      contents: {
        key: { base64: 'aw==', text: 'k' },
        value: { base64: '/w==', text: null },
        headers: [{ name: 'trace', value: { base64: 'w6Q=', text: 'ä' } }],
      },
    });
    expect(JSON.stringify(body)).not.toMatch(/secret|authorization/i);
  });

  it('say of what is too large for a request where it lies', async () => {
    const { client, letters } = await lettersOf({ value: Buffer.alloc(100_000) });
    const { body } = await get(client, letters[0]!.id);
    expect(body).toMatchObject({ contents: null, valueBytes: 100_000 });
    const answer = await decide<ErrorBody>(client, body.id, 'replay');
    expect([answer.status, answer.body.error.code]).toEqual([409, 'conflict']);
  });

  it('list letters newest first, page by page', async () => {
    const choices = Array.from({ length: 5 }, (_, offset) => ({ offset }));
    const { client, letters } = await lettersOf(...choices);
    expect(letters.map(({ origin }) => origin.offset)).toEqual(['4', '3', '2', '1', '0']);
    const found: string[] = [];
    for (let next: string | undefined = '?$top=2'; next !== undefined;) {
      const page: Page = next.startsWith('?')
        ? await list(client, next)
        : (await client.request<Page>('GET', next)).body;
      expect(page.value.length).toBeLessThanOrEqual(2);
      found.push(...idsIn(page));
      next = page['@odata.nextLink'];
    }
    expect(found).toEqual(letters.map(({ id }) => id));
    expect(await list(client, '?$top=0')).toEqual({ value: [] });
  });

  it('find letters by cause, tenant, topic, state and time', async () => {
    const { tenant, client, letters } = await lettersOf(
      { offset: 0, cause: { code: 'unknownProvider' } },
      { offset: 1, cause: { code: 'unknownAction' }, topic: 'commands' },
      { offset: 2, cause: { code: 'unknownAction' } },
    );
    const [third, second, first] = letters.map(({ id }) => id) as [string, string, string];
    await decide(client, third, 'discard');
    const at = letters[1]!.createdDateTime;
    const cases: [string, string[]][] = [
      ["code eq 'unknownAction'", [third, second]],
      ["code eq 'unknownAction' and state eq 'open'", [second]],
      ["state eq 'discarded'", [third]],
      ["origin/topic eq 'requests'", [third, first]],
      [`origin/topic eq '${system.topicPrefix}.commands'`, [second]],
      [`createdDateTime ge ${at}`, [third, second]],
      [`createdDateTime lt ${at}`, [first]],
      [`azureTenantId eq '${tenant}'`, [third, second, first]],
      ["azureTenantId eq 'tenant-a'", []],
      ['azureTenantId eq null', []],
    ];
    for (const [filter, expected] of cases) {
      expect(idsIn(await list(client, `?$filter=${filter}`)), filter).toEqual(expected);
    }
    const own = idsIn(await list(root, `?$filter=azureTenantId eq '${tenant}'`));
    expect(own).toEqual([third, second, first]);
  });

  it.each([
    "name eq 'x'",
    "code ne 'x'",
    "code eq 'x' or code eq 'y'",
    "code eq 'x' and code eq 'y'",
    "state eq 'closed'",
    'code eq 7',
    'createdDateTime ge 2026-02-30',
    "'x' eq code",
    "toString eq 'x'",
  ])('answer 400 to the filter %j', async (filter) => {
    const answer = await operator.request('GET', `${DEAD_LETTERS}?$filter=${filter}`);
    expect([answer.status, answer.body.error.target]).toEqual([400, '$filter']);
  });

  it.each(['$skiptoken=x', '$top=x', '$orderby=id', '$count=true'])(
    'answer 400 to %s',
    async (query) => {
      expect((await operator.request('GET', `${DEAD_LETTERS}?${query}`)).status).toBe(400);
    },
  );

  it('answer 401 without a token, and 403 without the role, which no other role grants', async () => {
    const { letters, tenant } = await lettersOf({});
    const [{ id }] = letters as [DeadLetter];
    const callers: [Client, number][] = [
      [new Client(root.url, ''), 401],
      [await system.client({ tenant, roles: ['SecurityActions.Read.All'] }), 403],
      [await system.client({ tenant }), 403],
    ];
    for (const [client, expected] of callers) {
      const answers = await Promise.all([
        client.request('GET', DEAD_LETTERS),
        get(client, id),
        decide(client, id, 'replay'),
        decide(client, id, 'discard'),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => expected));
    }
    expect((await get(root, id)).body.state).toBe('open');
  });

  it("hide other tenants' letters, and nobody's, from a tenant's operator: the same 404", async () => {
    const { letters } = await lettersOf({ value: JSON.stringify(simulate()) });
    const foreign = letters[0]!.id;
    const mask = ({ error }: ErrorBody) => ({ ...error, innerError: {} });
    const absent = await get<ErrorBody>(operator, randomUUID());
    const unproven = await nobodys();
    for (const id of [foreign, unproven, 'no-id']) {
      for (const answer of [
        await get<ErrorBody>(operator, id),
        await decide<ErrorBody>(operator, id, 'replay'),
        await decide<ErrorBody>(operator, id, 'discard'),
      ]) {
        expect([answer.status, mask(answer.body)]).toEqual([404, mask(absent.body)]);
      }
    }
    const seen = idsIn(await list(operator));
    expect(seen).not.toContain(foreign);
    expect(seen).not.toContain(unproven);
    for (const id of [foreign, unproven]) {
      expect((await get(root, id)).body).toMatchObject({ id, state: 'open' });
    }
    expect(idsIn(await list(root, '?$filter=azureTenantId eq null'))).toContain(unproven);
  });

  it('put a discard on record, once', async () => {
    const { letters } = await lettersOf({});
    const [{ id }] = letters as [DeadLetter];
    const discarded = await decide(root, id, 'discard', { reason: 'a test' });
    expect(discarded.status).toBe(200);
    expect(discarded.body).toEqual({
      ...letters[0],
      state: 'discarded',
      decidedDateTime: expect.stringMatching(/Z$/),
      decidedBy: { azureTenantId: ROOT_TENANT, appId: 'app-1', user: null },
      reason: 'a test',
    });
    const again = await decide(root, id, 'discard', { reason: 'another' });
    expect([again.status, again.body]).toEqual([200, discarded.body]);
    const replay = await decide<ErrorBody>(root, id, 'replay');
    expect([replay.status, replay.body.error.code]).toEqual([409, 'conflict']);
    expect((await get(root, id)).body.state).toBe('discarded');
  });

  it.each([[[]], ['text'], [{ why: 'x' }], [{ reason: 7 }], [{ reason: '\u0000' }]])(
    'answer 400 to the body %j, and decide nothing',
    async (body) => {
      const { client, letters } = await lettersOf({ value: JSON.stringify(simulate()) });
      for (const what of ['discard', 'replay']) {
        const answer = await decide<ErrorBody>(client, letters[0]!.id, what, JSON.stringify(body));
        expect([answer.status, answer.body.error.code]).toEqual([400, 'invalidRequest']);
      }
      expect((await get(client, letters[0]!.id)).body.state).toBe('open');
    },
  );

  it('do not count for the limit of requests', async () => {
    const api = system.apis.length;
    await system.startApi({ RATE_LIMIT_PER_MINUTE: '1' });
    const limited = await system.client({ roles: ['SecurityActions.Operate.All'] }, api);
    const pages = [await list(limited), await list(limited), await list(limited)];
    expect(pages).toHaveLength(3);
  });

  it('replay nothing that nobody has proved to have sent', async () => {
    const id = await nobodys({
      value: JSON.stringify(simulate()),
      cause: { message: 'Access token has expired.' },
    });
    const answer = await decide<ErrorBody>(root, id, 'replay');
    expect([answer.status, answer.body.error.code]).toEqual([409, 'conflict']);
    expect(answer.body.error.message).toContain('Access token has expired.');
    expect((await decide(root, id, 'discard')).body.state).toBe('discarded');
  });
});
