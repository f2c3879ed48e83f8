import { ROOT_CONTEXT, TraceFlags, context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { afterEach, describe, expect, it } from 'vitest';
import { ATTEMPT, PARAMETER_VALUE, actionWith } from './action.fixture.ts';
import type { Outcome } from './provider.ts';
import { Product, SECRET, answers, verified, webhookTo } from './product.fixture.ts';
import { webhookQuestionSchema, webhookRequestSchema } from './webhook-messages.ts';
import type { WebhookProvider } from './webhook.provider.ts';

/* The table of answers of docs/providers.md, row by row, as a product gives them over HTTP. */

const open: { product?: Product; provider?: WebhookProvider } = {};
afterEach(async () => {
  await open.provider?.close();
  await open.product?.stop();
});

async function start(...[answer]: Parameters<typeof Product.http>) {
  open.product = await Product.http(answer);
  const url = open.product.url();
  const questions = { cancelUrl: `${url}/cancel`, probeUrl: `${url}/probe` };
  open.provider = webhookTo(url, questions);
  return { product: open.product, provider: open.provider };
}

const { signal } = new AbortController();

/** What the provider makes of an answer with this status, body and headers. */
async function outcomeOf(...answer: Parameters<typeof answers>): Promise<Outcome> {
  const { product, provider } = await start(answers(...answer));
  const outcome = await provider.execute(actionWith(), ATTEMPT, signal);
  expect(product.requests).toHaveLength(1);
  expect(JSON.stringify(outcome)).not.toContain(SECRET.slice('whsec_'.length));
  expect(JSON.stringify(outcome)).not.toContain(PARAMETER_VALUE);
  return outcome;
}

describe('a webhook call', () => {
  it('is a POST of action, attempt and attempt id, signed by Standard Webhooks', async () => {
    const { product, provider } = await start(answers(204));
    await provider.execute(actionWith(), ATTEMPT, signal);
    const [request] = product.requests;
    expect(request).toMatchObject({
      method: 'POST',
      path: '/actions',
      headers: {
        'content-type': 'application/json',
        'webhook-id': ATTEMPT.id,
        'idempotency-key': actionWith().id,
      },
    });
    const body = { action: actionWith(), attempt: ATTEMPT.number, attemptId: ATTEMPT.id };
    expect(verified(request!)).toEqual(body);
    expect(webhookRequestSchema.parse(verified(request!))).toEqual(body);
    expect(() => verified({ ...request!, body: `${request!.body} ` })).toThrow('No matching');
  });

  it('belongs to the trace of the action', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    try {
      const [traceId, spanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
      const span = { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
      const { product, provider } = await start(answers(204));
      await context.with(trace.setSpanContext(ROOT_CONTEXT, span), () =>
        provider.execute(actionWith(), ATTEMPT, signal),
      );
      await provider.execute(actionWith(), ATTEMPT, signal);
      const sent = product.requests.map(({ headers }) => headers['traceparent']);
      expect(sent).toEqual([`00-${traceId}-${spanId}-01`, undefined]);
    } finally {
      propagation.disable();
      context.disable();
    }
  });

  it('has a signature of its own for every attempt, and the same idempotency key', async () => {
    const { product, provider } = await start(answers(204));
    await provider.execute(actionWith(), ATTEMPT, signal);
    await provider.execute(actionWith(), { id: 'another', number: 3, targetKey: null }, signal);
    product.requests.forEach(verified);
    const headersOf = (name: string) => product.requests.map(({ headers }) => headers[name]);
    expect(headersOf('webhook-id')).toEqual([ATTEMPT.id, 'another']);
    expect(new Set(headersOf('webhook-signature')).size).toBe(2);
    expect(new Set(headersOf('idempotency-key')).size).toBe(1);
  });

  it('keeps the query of its address', async () => {
    const { product } = await start(answers(204));
    open.provider = webhookTo(`${product.url()}?tenant=7`);
    await open.provider.execute(actionWith(), ATTEMPT, signal);
    expect(product.requests[0]!.path).toBe('/actions?tenant=7');
  });
});

describe('the answer', () => {
  it.each([
    [200, ''],
    [200, ' \n'],
    [200, {}],
    [200, { ok: true }],
    [200, { status: 'Completed' }],
    [200, { status: 'completed', errorInfo: null }],
    [200, { status: 'Completed', errorInfo: 'none' }],
    [201, ''],
    [204, ''],
  ])('%d %j is Completed', async (status, body) => {
    expect(await outcomeOf(status, body)).toEqual({ kind: 'completed' });
  });

  it.each([
    [{ status: 'Failed' }, null],
    [{ status: 'Failed', errorInfo: null }, null],
    [
      { status: 'Failed', errorInfo: { code: 1, message: 'no such host', subcode: 9 } },
      'no such host',
    ],
  ])('200 %j is Failed, code 4', async (body, message) => {
    const errorInfo = { code: 4, message, subcode: 200 };
    expect(await outcomeOf(200, body)).toEqual({ kind: 'failed', errorInfo });
  });

  it.each([{ status: 'Running' }, { status: 'NotStarted' }])(
    '200 %j is taken over, as 202 is',
    async (body) => {
      expect(await outcomeOf(200, body)).toEqual({ kind: 'accepted' });
    },
  );

  it.each([
    'OK',
    '<html>Sign in</html>',
    '{"status":"Compl',
    '[]',
    'null',
    '"Completed"',
    '{"status":"Done"}',
    '{"status":null}',
    '{"status":7}',
    '{"errorInfo":{"message":"no"}}',
  ])('200 with %j is not understood: it may have acted', async (body) => {
    const outcome = await outcomeOf(200, body);
    expect(outcome).toMatchObject({ kind: 'mayHaveActed', subcode: 200 });
  });

  it.each(['', 'whatever', '{"status":"Completed"}'])(
    '202 with %j is taken over: the provider reports later',
    async (body) => {
      expect(await outcomeOf(202, body)).toEqual({ kind: 'accepted' });
    },
  );

  it.each([408, 425, 429, 503])('%d is not done, try again', async (status) => {
    expect(await outcomeOf(status)).toEqual({
      kind: 'notDone',
      reason: `HTTP ${status}`,
      subcode: status,
    });
  });

  it.each([408, 425, 429, 503])('%d is not done before its Retry-After', async (status) => {
    const outcome = await outcomeOf(status, '', { 'retry-after': '7' });
    expect(outcome).toMatchObject({ kind: 'notDone', retryAfterMs: 7000 });
  });

  it.each([401, 403])('%d lets us not in: the action waits for the provider', async (status) => {
    expect(await outcomeOf(status, 'bad signature')).toEqual({
      kind: 'unavailable',
      reason: `HTTP ${status}`,
      subcode: status,
    });
  });

  it.each([301, 302, 303, 304, 307, 308])(
    '%d refuses this call, and is never followed',
    async (status) => {
      const outcome = await outcomeOf(status, '', { location: '/elsewhere' });
      const errorInfo = { code: 4, subcode: status };
      expect(outcome).toMatchObject({ kind: 'failed', errorInfo, onlyThisCall: true });
    },
  );

  it.each([400, 402, 404, 409, 410, 413, 418, 422, 451])(
    '%d refuses this call, and says nothing of an earlier one',
    async (status) => {
      expect(await outcomeOf(status, 'refused')).toEqual({
        kind: 'failed',
        errorInfo: { code: 4, message: 'refused', subcode: status },
        onlyThisCall: true,
      });
    },
  );

  it.each([
    [{ message: 'the reason' }, 'the reason'],
    [{ error: { code: 'x', message: 'the reason' } }, 'the reason'],
    [{ status: 'Failed', errorInfo: { message: 'the reason' } }, 'the reason'],
    ['the reason\n', 'the reason'],
    [{ title: 'x' }, '{"title":"x"}'],
    ['', 'HTTP 422'],
    [`a\u0000b\ud800`, 'ab\ufffd'],
    ['x'.repeat(2000), 'x'.repeat(1000)],
    [{ message: 'x'.repeat(2000) }, 'x'.repeat(1000)],
  ])('422 %j says why', async (body, message) => {
    expect(await outcomeOf(422, body)).toMatchObject({ kind: 'failed', errorInfo: { message } });
  });

  it.each([203, 206, 299, 500, 501, 502, 504, 507, 599])('%d may have acted', async (status) => {
    expect(await outcomeOf(status, '{"status":"Completed"}', { 'retry-after': '7' })).toEqual({
      kind: 'mayHaveActed',
      reason: `HTTP ${status}`,
      subcode: status,
    });
  });

  it('counts, not the early hints before it', async () => {
    const { provider } = await start((response) => {
      response.writeEarlyHints({ link: '</x>; rel=preload' });
      response.writeHead(422).end('refused');
    });
    const outcome = await provider.execute(actionWith(), ATTEMPT, signal);
    expect(outcome).toMatchObject({ kind: 'failed', errorInfo: { subcode: 422 } });
  });
});

describe.each(['cancel', 'probe'] as const)('a %s', (question) => {
  async function findingOf(...answer: Parameters<typeof answers>) {
    const { product, provider } = await start(answers(...answer));
    const finding = await provider[question]!(actionWith(), ATTEMPT, signal);
    const [request] = product.requests;
    expect(request!.path).toBe(`/actions/${question}`);
    expect(request!.headers).toMatchObject({
      'webhook-id': ATTEMPT.id,
      'idempotency-key': actionWith().id,
    });
    const body = { action: actionWith(), attempt: ATTEMPT.number, attemptId: ATTEMPT.id };
    expect(verified(request!)).toEqual(body);
    return finding;
  }

  it('is of attempt 0 for an action that was never called, as no call is', async () => {
    const { product, provider } = await start(answers(200, { status: 'Running' }));
    await provider[question]!(actionWith(), { ...ATTEMPT, number: 0 }, signal);
    const [request] = product.requests;
    const body = verified(request!);
    expect(webhookQuestionSchema.parse(body)).toMatchObject({ attempt: 0 });
    expect(webhookRequestSchema.safeParse(body).success).toBe(false);
  });

  it.each(['NotStarted', 'Running', 'Completed'])('is told %s', async (status) => {
    const finding = { kind: 'known', status, errorInfo: null };
    expect(await findingOf(200, { status })).toEqual(finding);
  });

  it('is told Failed, and why', async () => {
    expect(
      await findingOf(200, { status: 'failed', errorInfo: { message: 'taken back' } }),
    ).toEqual({
      kind: 'known',
      status: 'Failed',
      errorInfo: { code: 4, message: 'taken back', subcode: 200 },
    });
  });

  it.each([
    [200, ''],
    [200, {}],
    [200, { status: 'Gone' }],
    [200, 'Completed'],
    [202, { status: 'Completed' }],
    [204, ''],
    [302, ''],
    [404, { status: 'Completed' }],
    [500, { status: 'Failed' }],
  ])('is told nothing by %d %j', async (status, body) => {
    expect(await findingOf(status, body)).toMatchObject({ kind: 'unanswered' });
  });

  it.each([401, 403, 408, 429, 503])('is as good as not asked by %d', async (status) => {
    expect(await findingOf(status, '')).toEqual({ kind: 'unavailable', reason: `HTTP ${status}` });
  });

  it('is as good as not asked when nobody is there', async () => {
    const url = await Product.away();
    open.provider = webhookTo(url, { cancelUrl: url, probeUrl: url });
    const finding = await open.provider[question]!(actionWith(), ATTEMPT, signal);
    expect(finding).toEqual({ kind: 'unavailable', reason: 'ECONNREFUSED' });
  });

  it('is there only if the entry has an address for it', async () => {
    const { product } = await start(answers(200));
    open.provider = webhookTo(product.url());
    expect(open.provider[question]).toBeUndefined();
  });
});
