import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DeadLetter } from '#domain/dead-letter';
import { Client, type ErrorBody, PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { operatorOf } from '../support/holds.ts';
import { produce } from '../support/produce.ts';
import { type LetterChoice, putAside } from '../support/put-aside.ts';
import { readTopic } from '../support/read-topic.ts';
import { simulateCommand } from '../support/simulate-command.ts';
import { System } from '../support/system.ts';
import { rewind } from '../support/topics.ts';

const DEAD_LETTERS = 'v1.0/security/securityActionDeadLetters';
const SHIPPED = readFileSync('config/providers.yaml', 'utf8');
const ADDED = `
  - vendor: Acme
    provider: Firewall
    type: simulated
    allowUnknownActions: true
`;

describe('the replay of dead letters', () => {
  const file = join(tmpdir(), `providers-${randomUUID()}.yaml`);
  let system: System;
  let client: Client;
  let operator: Client;

  beforeAll(async () => {
    writeFileSync(file, SHIPPED);
    system = await System.start({ env: { PROVIDERS_FILE: file, SHUTDOWN_GRACE_MS: '2000' } });
    client = await system.client();
    operator = await operatorOf(system, 'tenant-a');
  });
  afterAll(async () => {
    await system?.stop();
    rmSync(file, { force: true });
  });

  const open = async () => {
    const path = `${DEAD_LETTERS}?$filter=state eq 'open'`;
    return (await operator.request<{ value: DeadLetter[] }>('GET', path)).body.value;
  };
  const replay = <T = DeadLetter>(id: string) =>
    operator.request<T>('POST', `${DEAD_LETTERS}/${id}/replay`);
  const refusal = async (id: string) => {
    const { status, body } = await replay<ErrorBody>(id);
    return { status, code: body.error.code, message: body.error.message };
  };
  /** Puts one message aside. @returns the id of its letter */
  const letter = async (choice: LetterChoice) => {
    const before = new Set((await open()).map(({ id }) => id));
    await putAside(system, choice);
    await drained(system, 'dead-letters');
    const [added, ...more] = (await open()).filter(({ id }) => !before.has(id));
    expect(more).toEqual([]);
    return added!.id;
  };
  const completed = (id: string) =>
    vi.waitFor(async () => expect((await client.get(id)).body.status).toBe('Completed'), {
      timeout: 30_000,
      interval: 50,
    });
  const effectsOf = (id: string) => system.effects().filter(({ actionId }) => actionId === id);
  const request = (body: object = simulate()) => JSON.stringify(body);
  const firewall = (target: string) => ({
    name: 'Block',
    parameters: [{ name: 'host', value: target }],
    vendorInformation: { vendor: 'Acme', provider: 'Firewall' },
  });

  it('makes an action of a request, for who had sent it, with the ids that the sender gave', async () => {
    const id = await letter({
      offset: 1,
      value: request({ ...simulate(), clientContext: 'replayed' }),
      headers: { 'Client-Request-Id': 'INC-1' },
      cause: { caller: { tenantId: 'tenant-a', appId: 'app-stream', user: 'ann@example.com' } },
    });
    const { status, body } = await replay(id);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id, state: 'replayed', decidedBy: { appId: 'app-1' } });
    await completed(body.actionId!);
    expect((await client.get(body.actionId!)).body).toMatchObject({
      appId: 'app-stream',
      user: 'ann@example.com',
      clientContext: 'replayed',
    });
    const [{ clientRequestId }] = (await system.query<{ clientRequestId: string }>(
      'SELECT "clientRequestId" FROM security_action WHERE id = $1',
      [body.actionId],
    )) as [{ clientRequestId: string }];
    expect(clientRequestId).toBe('INC-1');
  });

  it('runs an action once, however often its letter is replayed and put aside again', async () => {
    const choice = { offset: 2, value: request() };
    const id = await letter(choice);
    const first = await replay(id);
    expect(await replay(id)).toMatchObject({ status: 200, body: first.body });
    await putAside(system, choice);
    await drained(system, 'dead-letters');
    expect((await replay(id)).body).toEqual(first.body);
    const discard = await operator.request('POST', `${DEAD_LETTERS}/${id}/discard`);
    expect([discard.status, discard.body.error.code]).toEqual([409, 'conflict']);
    const { actionId } = first.body;
    await completed(actionId!);
    // What the log held before this is stored when this is.
    await completed(await client.created(simulate()));
    expect(effectsOf(actionId!)).toHaveLength(1);
  });

  it('is done again after a crash between sending and the record, and still one action', async () => {
    const headers = { 'client-request-id': 'crashed' };
    const id = await letter({ offset: 3, value: request(), headers });
    await system.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'crashed'; END $$`,
    );
    await system.query(
      'CREATE TRIGGER refuse BEFORE UPDATE ON dead_letter FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    expect((await replay(id)).status).toBe(500);
    await system.query('DROP FUNCTION refuse CASCADE');
    // It is sent all the same, and the letter does not say so yet.
    const made = () =>
      system.query<{ id: string }>(
        `SELECT id FROM security_action WHERE "clientRequestId" = 'crashed'`,
      );
    await vi.waitFor(async () => expect(await made()).toHaveLength(1), {
      timeout: 30_000,
      interval: 50,
    });
    expect((await open()).map((each) => each.id)).toContain(id);
    const { actionId } = (await replay(id)).body;
    await completed(actionId!);
    await completed(await client.created(simulate()));
    expect(await made()).toEqual([{ id: actionId }]);
    expect(effectsOf(actionId!)).toHaveLength(1);
  });

  it('leaves the letter open while the request is still wrong, and says what is', async () => {
    const cases: [LetterChoice, object][] = [
      [{ value: 'no JSON' }, { status: 400, code: 'invalidRequest' }],
      [{ value: null }, { status: 400, code: 'invalidRequest' }],
      [{ value: request(firewall('x')) }, { status: 400, code: 'unknownProvider' }],
      [{ value: request({ ...simulate(), name: 'X' }) }, { status: 400, code: 'unknownAction' }],
      [{ value: Buffer.alloc(66_000, 32) }, { status: 413, code: 'requestEntityTooLarge' }],
      [{ headers: { 'idempotency-key': 'a b' }, value: request() }, { status: 400 }],
      [
        { value: request({ ...simulate(), azureTenantId: 'tenant-b' }) },
        { status: 403, code: 'Authorization_RequestDenied' },
      ],
      [
        { value: request({ ...simulate(), revertDateTime: '2001-01-01T00:00:00Z' }) },
        { status: 400, message: expect.stringContaining('must be in the future') },
      ],
    ];
    for (const [index, [choice, expected]] of cases.entries()) {
      const id = await letter({ ...choice, offset: 10 + index });
      expect(await refusal(id)).toMatchObject(expected);
      expect((await open()).map((each) => each.id)).toContain(id);
    }
  });

  it('becomes the action of its idempotency key, which may have got through meanwhile', async () => {
    const headers = { 'Idempotency-Key': 'once' };
    const first = await letter({ offset: 30, value: request(), headers });
    const second = await letter({ offset: 31, value: request(), headers });
    const ids = [(await replay(first)).body.actionId, (await replay(second)).body.actionId];
    expect(ids[0]).toBe(ids[1]);
    await completed(ids[0]!);
    await completed(await client.created(simulate()));
    expect(effectsOf(ids[0]!)).toHaveLength(1);
  });

  it('is refused when the key was taken meanwhile by another request, whose action it names', async () => {
    const key = randomUUID();
    const headers = { 'idempotency-key': key };
    const id = await letter({ offset: 32, value: request(), headers });
    const owner = await client.create(simulate({ target: key }), headers);
    await completed(owner.body.id);
    expect(await refusal(id)).toMatchObject({
      status: 409,
      code: 'idempotencyKeyReuse',
      message: expect.stringContaining(owner.body.id),
    });
    expect((await open()).map((each) => each.id)).toContain(id);
    await drained(system, 'commands');
    expect((await system.statuses()).Failed).toBeUndefined();
  });

  it('finds the action that a request is already, though it could not be one any more', async () => {
    const revertDateTime = new Date(Date.now() + 3000).toISOString();
    const body = {
      ...PUBLISHED_SAMPLE,
      revertDateTime,
    };
    const headers = { 'idempotency-key': randomUUID() };
    const id = await letter({ offset: 33, value: request(body), headers });
    const { body: action } = await client.create(body, headers);
    await completed(action.id);
    await vi.waitFor(() => expect(new Date().toISOString() > revertDateTime).toBe(true), 10_000);
    expect(await replay(id)).toMatchObject({
      status: 200,
      body: { state: 'replayed', actionId: action.id },
    });
  });

  it('is refused when the action has been deleted, which would not run again', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const id = await letter({ offset: 34, value: request(), headers });
    const { body: action } = await client.create(simulate(), headers);
    await completed(action.id);
    const path = `v1.0/security/securityActions/${action.id}`;
    expect((await client.request('DELETE', path)).status).toBe(204);
    expect(await refusal(id)).toMatchObject({
      status: 409,
      code: 'conflict',
      message: expect.stringContaining(action.id),
    });
  });

  it('makes one action of each request once its provider is in the file, whatever got through meanwhile', async () => {
    const count = 20;
    const headers = (index: number) => ({
      authorization: `Bearer ${client.token}`,
      'client-request-id': `later-${index}`,
      ...(index % 2 === 0 && { 'idempotency-key': `later-${index}` }),
    });
    const requests = Array.from({ length: count }, (_, index) => ({
      value: request(firewall(`host-${index}`)),
      headers: headers(index),
    }));
    await produce(system, 'requests', requests);
    await drained(system, 'requests');
    await drained(system, 'dead-letters');
    const path = `${DEAD_LETTERS}?$filter=origin/topic eq 'requests' and code eq 'unknownProvider'`;
    const { body } = await operator.request<{ value: DeadLetter[] }>('GET', path);
    // Others of the file were put aside with a cause of their own.
    const letters = body.value.filter(({ message }) => message.includes('Firewall'));
    expect(letters).toHaveLength(count);
    expect(await refusal(letters[0]!.id)).toMatchObject({ status: 400, code: 'unknownProvider' });

    writeFileSync(file, SHIPPED + ADDED);
    await Promise.all(system.workers.map((worker) => worker.stop()));
    // Half of them are sent again by who had sent them, and all are delivered again.
    await produce(
      system,
      'requests',
      requests.filter((_, index) => index % 2 === 0),
    );
    const early = letters.slice(0, 5);
    await system.apis[0]!.restart();
    for (const { id } of early) expect((await replay(id)).status).toBe(200);
    await rewind(system, 'requests');
    await system.workers[0]!.restart();
    await drained(system, 'requests');
    const twice = [...letters, ...letters];
    const answers = await Promise.all(twice.map(({ id }) => replay(id)));
    expect(answers.map(({ status }) => status)).toEqual(twice.map(() => 200));
    const ids = new Set(answers.map((answer) => answer.body.actionId!));
    expect(ids.size).toBe(count);
    for (const id of ids) await completed(id);
    await drained(system, 'commands');
    const rows = await system.query<{ id: string }>(
      `SELECT id FROM security_action WHERE "clientRequestId" LIKE 'later-%'`,
    );
    expect(new Set(rows.map(({ id }) => id))).toEqual(ids);
    expect(rows).toHaveLength(count);
    for (const id of ids) expect(effectsOf(id)).toHaveLength(1);
  }, 120_000);

  describe('of a command', () => {
    const putCommandAside = (value: string, offset: number) =>
      letter({ topic: 'commands', offset, key: 'its key', value });

    it('sends it as it was, under its key', async () => {
      const sent = simulateCommand();
      // Spaces and unknown parts: what is sent are the bytes, not what this release makes of them.
      const value = JSON.stringify({ ...sent, later: true }, null, 1);
      const { body } = await replay(await putCommandAside(value, 200));
      expect(body).toMatchObject({ state: 'replayed', actionId: sent.action.id });
      await completed(sent.action.id);
      const messages = await readTopic(system, 'commands', (all) =>
        all.some((each) => each.value === value),
      );
      expect(messages.find((each) => each.value === value)?.key).toBe('its key');
    });

    it('is refused while this release cannot read it either', async () => {
      const id = await putCommandAside(
        JSON.stringify({ ...simulateCommand(), schemaVersion: 99 }),
        201,
      );
      expect(await refusal(id)).toMatchObject({ status: 400, code: 'invalidRequest' });
    });

    it.each([
      ['an action already', false],
      ['one that has been deleted', true],
    ])('is refused when it is %s, which would not run again', async (_, isDeleted) => {
      const actionId = await client.created(simulate());
      await completed(actionId);
      if (isDeleted) {
        await client.request('DELETE', `v1.0/security/securityActions/${actionId}`);
      }
      const sent = simulateCommand();
      const id = await putCommandAside(
        JSON.stringify({ ...sent, action: { ...sent.action, id: actionId } }),
        isDeleted ? 203 : 202,
      );
      expect(await refusal(id)).toMatchObject({
        status: 409,
        message: expect.stringContaining(actionId),
      });
      expect(effectsOf(actionId)).toHaveLength(1);
    });
  });

  describe('of a report', () => {
    const putReportAside = (body: object, offset: number) =>
      letter({ topic: 'reports', offset, value: JSON.stringify(body) });

    it('takes it for who had sent it', async () => {
      const actionId = await client.created(simulate({ outcome: 'Stall' }, 'Strict Simulator'));
      await vi.waitFor(async () =>
        expect((await client.get(actionId)).body.status).toBe('Running'),
      );
      const errorInfo = { code: 42, message: 'no such host', subcode: 0 };
      const id = await putReportAside({ id: actionId, status: 'Failed', errorInfo }, 300);
      expect((await replay(id)).body).toMatchObject({ state: 'replayed', actionId });
      expect((await client.get(actionId)).body).toMatchObject({ status: 'Failed', errorInfo });
    });

    it('is refused for an action that its sender does not have, or that has ended otherwise', async () => {
      const unknown = await putReportAside({ id: randomUUID(), status: 'Completed' }, 301);
      expect(await refusal(unknown)).toMatchObject({ status: 409, code: 'conflict' });
      const actionId = await client.created(simulate());
      await completed(actionId);
      const late = await putReportAside({ id: actionId, status: 'Failed' }, 302);
      expect(await refusal(late)).toMatchObject({ status: 409, code: 'alreadyFinished' });
      expect((await open()).map(({ id }) => id)).toEqual(expect.arrayContaining([unknown, late]));
    });
  });
});
