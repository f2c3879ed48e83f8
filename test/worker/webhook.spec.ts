import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import type { SecurityAction } from '#domain/security-action';
import { freePort } from '../../dev/process/ports.ts';
import type { Client } from '../support/client.ts';
import { Receiver } from '../support/receiver.ts';
import { System } from '../support/system.ts';

/* The table of answers of docs/providers.md, as an action lives through it. */

const TIMEOUT_MS = 700;

describe('an action for a webhook', () => {
  let directory: string;
  let receiver: Receiver;
  let system: System;
  let client: Client;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'webhook-'));
    receiver = await Receiver.start();
    const entry = (provider: string, more: object = {}) => ({
      vendor: 'Acme',
      provider,
      type: 'webhook',
      url: `${receiver.url}/act`,
      secretEnv: 'ACME_WEBHOOK_SECRET',
      timeoutMs: TIMEOUT_MS,
      retry: { attemptsMax: 3, backoffMs: 50, backoffMsMax: 200 },
      allowUnknownActions: true,
      ...more,
    });
    const away = `http://127.0.0.1:${await freePort()}/act`;
    const providers = [
      entry('Repeatable', { capabilities: { idempotent: true } }),
      entry('Strict'),
      entry('Locked'),
      entry('Slow', { timeoutMs: 60_000, cancelUrl: `${receiver.url}/cancel` }),
      entry('AskableRepeatable', {
        probeUrl: `${receiver.url}/probe`,
        capabilities: { idempotent: true },
      }),
      entry('Askable', { probeUrl: `${receiver.url}/probe` }),
      entry('Away', { url: away, queueTimeoutMs: 1500 }),
    ];
    const file = join(directory, 'providers.yaml');
    writeFileSync(file, stringify({ providers }));
    // The API gets no secret: it does not need one to start.
    system = await System.start({ workers: 0, env: { PROVIDERS_FILE: file } });
    await system.startWorker({ ACME_WEBHOOK_SECRET: receiver.secret });
    client = await system.client();
  });
  afterAll(async () => {
    await system?.stop();
    await receiver?.stop();
    rmSync(directory, { recursive: true });
  });

  const create = (provider: string, answers: string, parameters: Record<string, string> = {}) =>
    client.created({
      name: 'Act',
      parameters: Object.entries({ answers, ...parameters }).map(([name, value]) => ({
        name,
        value,
      })),
      vendorInformation: { vendor: 'Acme', provider },
    });

  async function ended(id: string): Promise<SecurityAction> {
    return vi.waitFor(
      async () => {
        const { body } = await client.get(id);
        expect(['Completed', 'Failed']).toContain(body.status);
        return body;
      },
      { timeout: 40_000, interval: 50 },
    );
  }

  async function end(...action: Parameters<typeof create>) {
    const { id, status, errorInfo } = await ended(await create(...action));
    return { calls: receiver.callsOf(id), status, errorInfo };
  }

  const questions = (calls: { question: string }[]) => calls.map(({ question }) => question);

  it('is sent once, signed, under its id, and is Completed by a 204', async () => {
    const id = await create('Strict', '204');
    expect(await ended(id)).toMatchObject({ status: 'Completed', errorInfo: null });
    const calls = receiver.callsOf(id);
    expect(calls).toMatchObject([{ question: 'act', attempt: 1, idempotencyKey: id }]);
    expect(calls[0]!.action).toMatchObject({ id, name: 'Act', status: 'Running' });
  });

  it('is Failed, code 4, by a 200 that says so', async () => {
    const body = JSON.stringify({ status: 'Failed', errorInfo: { message: 'no such host' } });
    expect(await end('Strict', '200', { body })).toMatchObject({
      status: 'Failed',
      errorInfo: { code: 4, message: 'no such host', subcode: 200 },
    });
  });

  it.each([
    ['422', 422],
    ['302', 302],
  ])('is Failed, code 4, by a %s, and not sent again', async (answer, subcode) => {
    const { calls, ...action } = await end('Repeatable', answer, { body: 'refused' });
    expect(action).toEqual({
      status: 'Failed',
      errorInfo: { code: 4, message: 'refused', subcode },
    });
    expect(calls).toHaveLength(1);
  });

  it.each([
    ['409', {}, { status: 'Failed', errorInfo: { code: 3, subcode: 409 } }, ['act', 'act']],
    ['302', {}, { status: 'Failed', errorInfo: { code: 3, subcode: 302 } }, ['act', 'act']],
    ['409', { probe: 'Completed' }, { status: 'Completed' }, ['act', 'act', 'probe']],
  ])(
    'is not called without effect by a %s %j to a repeat of what may have acted',
    async (answer, probe, outcome, asked) => {
      const provider = 'probe' in probe ? 'AskableRepeatable' : 'Repeatable';
      const parameters = { body: 'already isolated', ...probe };
      const { calls, ...action } = await end(provider, `hang,${answer}`, parameters);
      expect(action).toMatchObject(outcome);
      expect(questions(calls)).toEqual(asked);
    },
  );

  it('is taken over by a 202, and ends by the report that follows', async () => {
    const id = await create('Strict', '202');
    await vi.waitFor(async () => expect((await client.get(id)).body['waitingFor']).toBe('report'), {
      timeout: 20_000,
    });
    const body = { status: 'Completed', attemptId: receiver.callsOf(id)[0]!.attemptId };
    await client.request('PATCH', `beta/security/securityActions/${id}`, { body });
    expect(await ended(id)).toMatchObject({ status: 'Completed' });
    expect(receiver.callsOf(id)).toHaveLength(1);
  });

  it('is sent again after a 503, not before its Retry-After, as a new attempt', async () => {
    const { calls, status } = await end('Strict', '503/1,204');
    expect(status).toBe('Completed');
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(calls[0]!.attemptId).not.toBe(calls[1]!.attemptId);
    expect(calls[1]!.receivedAtMs - calls[0]!.receivedAtMs).toBeGreaterThanOrEqual(990);
  });

  it('is Failed, code 5, when every answer is 429', async () => {
    const { calls, ...action } = await end('Strict', '429');
    expect(action).toMatchObject({ status: 'Failed', errorInfo: { code: 5, subcode: 429 } });
    expect(calls).toHaveLength(3);
  });

  it('waits for the provider while that answers 401, and uses up no attempt', async () => {
    receiver.isLocked = true;
    const id = await create('Locked', '204');
    await vi.waitFor(
      async () => expect((await client.get(id)).body['waitingFor']).toBe('provider'),
      { timeout: 20_000 },
    );
    receiver.isLocked = false;
    expect(await ended(id)).toMatchObject({ status: 'Completed' });
    expect(receiver.callsOf(id)).toMatchObject([{ attempt: 1 }]);
  });

  it('is Failed, code 6, when nobody is there for queueTimeoutMs', async () => {
    expect(await end('Away', '204')).toMatchObject({ status: 'Failed', errorInfo: { code: 6 } });
  });

  it.each(['500', 'reset', 'hang'])(
    'is sent again after %s to one that bears repeats, under the same key',
    async (answer) => {
      const { calls, status } = await end('Repeatable', `${answer},204`);
      expect(status).toBe('Completed');
      expect(calls).toHaveLength(2);
      expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    },
  );

  it.each(['500', 'reset', 'hang'])(
    'is Failed, code 3, after %s from one that bears no repeats, and never sent again',
    async (answer) => {
      const { calls, ...action } = await end('Strict', `${answer},204`);
      expect(action).toMatchObject({ status: 'Failed', errorInfo: { code: 3 } });
      expect(calls).toHaveLength(1);
    },
  );

  it.each([
    ['Completed', { status: 'Completed', errorInfo: null }],
    ['Failed', { status: 'Failed', errorInfo: { code: 4 } }],
    ['NotStarted', { status: 'Failed', errorInfo: { code: 3 } }],
    ['Running', { status: 'Failed', errorInfo: { code: 3 } }],
  ])('is asked about after a reset, and ends as a probe of %s says', async (probe, outcome) => {
    const { calls, ...action } = await end('Askable', 'reset', { probe });
    expect(action).toMatchObject(outcome);
    expect(questions(calls)).toEqual(['act', 'probe']);
    expect(calls[1]!.idempotencyKey).toBe(calls[0]!.idempotencyKey);
  });

  it('is taken back while its call is under way, and ends as cancelled', async () => {
    const id = await create('Slow', 'hang', { cancel: 'Failed' });
    await vi.waitFor(() => expect(receiver.callsOf(id)).toHaveLength(1), { timeout: 20_000 });
    const answer = await client.cancel(id);
    expect([answer.status, answer.headers.get('cancel-outcome')]).toEqual([200, 'accepted']);
    expect(await ended(id)).toMatchObject({ status: 'Failed', errorInfo: { code: 1 } });
    expect(questions(receiver.callsOf(id))).toEqual(['act', 'cancel']);
  });

  it('shows its secret in no log', () => {
    const secret = receiver.secret.slice('whsec_'.length);
    for (const app of [...system.apis, ...system.workers]) expect(app.log()).not.toContain(secret);
  });
});
