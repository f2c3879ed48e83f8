import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ATTEMPT, actionWith } from './action.fixture.ts';
import { type Certificates, certificatesFor } from './certificates.fixture.ts';
import { Product, answers, webhookTo } from './product.fixture.ts';
import type { Outcome } from './provider.ts';
import type { WebhookEntry } from './webhook-entry.ts';
import type { WebhookProvider } from './webhook.provider.ts';

/* Nothing was sent, or it may have been done: told apart on real sockets. */

const products: Product[] = [];
const providers: WebhookProvider[] = [];
afterEach(async () => {
  await Promise.all(providers.splice(0).map((provider) => provider.close()));
  await Promise.all(products.splice(0).map((product) => product.stop()));
});

async function http(...given: Parameters<typeof Product.http>) {
  const product = await Product.http(...given);
  products.push(product);
  return product;
}

async function tcp(serve: (socket: Socket) => void) {
  const product = await Product.tcp(serve);
  products.push(product);
  return product;
}

function provider(url: string, more: Partial<WebhookEntry> = {}) {
  const made = webhookTo(url, more);
  providers.push(made);
  return made;
}

const never = new AbortController().signal;
const call = (from: WebhookProvider, signal = never) => from.execute(actionWith(), ATTEMPT, signal);

const sentInVain = (reason: string): Outcome => ({
  kind: 'mayHaveActed',
  reason: `sent, without an answer: ${reason}`,
});
const notSent = (reason: string): Outcome => ({
  kind: 'unavailable',
  reason: `nothing was sent: ${reason}`,
});

/** A raw answer that keeps the connection, then whatever the product does next. */
const KEPT = 'HTTP/1.1 204 No Content\r\n\r\n';

describe('nothing was sent', () => {
  it('when it may not begin any more by the time there is a connection', async () => {
    let connections = 0;
    let bytes = 0;
    const product = await tcp((socket) => {
      connections += 1;
      socket.on('data', (data) => (bytes += data.length)).on('error', () => undefined);
    });
    const attempt = { ...ATTEMPT, mayBegin: () => connections === 0 };
    const from = provider(product.url());
    const first = from.execute(actionWith(), { ...attempt, mayBegin: () => false }, never);
    expect(await first).toEqual(notSent('no longer its turn'));
    await vi.waitFor(() => expect(connections).toBe(1));
    // Over the connection that is there already, too.
    expect(await from.execute(actionWith(), attempt, never)).toEqual(notSent('no longer its turn'));
    expect(bytes).toBe(0);
  });

  it('when the connection is refused', async () => {
    expect(await call(provider(await Product.away()))).toEqual(notSent('ECONNREFUSED'));
  });

  it('when the name of the host is not known', async () => {
    const outcome = await call(provider('http://nobody.invalid/actions'));
    expect(outcome).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) as string,
    });
  });

  it('when the product does not take the connection in time', async () => {
    // TLS that never begins: the one connect that hangs on every machine.
    const silent = await tcp(() => undefined);
    const outcome = await call(provider(silent.url('https'), { connectTimeoutMs: 50 }));
    expect(outcome).toEqual(notSent('UND_ERR_CONNECT_TIMEOUT'));
  });

  it('when the connection is reset before TLS stands', async () => {
    const product = await tcp((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await call(provider(product.url('https')))).toEqual(notSent('ECONNRESET'));
  });

  it('when the product does not speak TLS', async () => {
    const product = await http(answers(200));
    expect(await call(provider(product.url('https')))).toMatchObject({ kind: 'unavailable' });
    expect(product.requests).toEqual([]);
  });

  it('when the deadline passes while the connection is being made', async () => {
    const silent = await tcp(() => undefined);
    const deadline = new AbortController();
    const answer = call(provider(silent.url('https')), deadline.signal);
    await vi.waitFor(() => expect(silent.sockets).toHaveLength(1));
    deadline.abort(new Error('no answer in 1 ms'));
    expect(await answer).toEqual(notSent('no answer in 1 ms'));
  });

  it('when the deadline had passed before', async () => {
    const product = await http(answers(200));
    const late = AbortSignal.abort(new Error('too late'));
    expect(await call(provider(product.url()), late)).toEqual(notSent('too late'));
    expect(product.sockets).toEqual([]);
  });

  it('when no connection came free by the deadline, nor is it sent later', async () => {
    const held: ServerResponse[] = [];
    const product = await http((response) => held.push(response));
    const narrow = provider(product.url(), { connectionsMax: 1 });
    const first = call(narrow);
    await vi.waitFor(() => expect(held).toHaveLength(1));
    const deadline = new AbortController();
    const second = call(narrow, deadline.signal);
    deadline.abort(new Error('no answer in 1 ms'));
    expect(await second).toEqual(notSent('no answer in 1 ms'));
    held[0]!.writeHead(204).end();
    expect(await first).toEqual({ kind: 'completed' });
    const third = call(narrow);
    await vi.waitFor(() => expect(held).toHaveLength(2));
    held[1]!.writeHead(204).end();
    expect(await third).toEqual({ kind: 'completed' });
    expect(product.requests).toHaveLength(2);
  });

  it('when the provider was closed before', async () => {
    const product = await http(answers(200));
    const closed = provider(product.url());
    await closed.close();
    expect(await call(closed)).toMatchObject({ kind: 'unavailable' });
    expect(product.sockets).toEqual([]);
  });
});

describe('it may have been done', () => {
  it.each([
    ['resets the connection', (socket: Socket) => socket.resetAndDestroy(), 'ECONNRESET'],
    ['ends the connection', (socket: Socket) => socket.end(), 'UND_ERR_SOCKET'],
    [
      'answers something else than HTTP',
      (socket: Socket) => socket.end('hi!\r\n\r\n'),
      'HTTPParserError',
    ],
    [
      'answers with half a head',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-'),
      'UND_ERR_SOCKET',
    ],
  ])('when the product %s after the request came', async (_what, end, reason) => {
    const product = await tcp((socket) => socket.once('data', () => end(socket)));
    const outcome = await call(provider(product.url()));
    expect(outcome).toEqual(sentInVain(reason));
    expect(product.sockets).toHaveLength(1);
  });

  it('when there were early hints, and then no answer', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n';
    const product = await tcp((socket) => socket.once('data', () => socket.end(hints)));
    expect(await call(provider(product.url()))).toEqual(sentInVain('UND_ERR_SOCKET'));
  });

  it('when the deadline passes before a status', async () => {
    const product = await http(() => undefined);
    const deadline = new AbortController();
    const answer = call(provider(product.url()), deadline.signal);
    await vi.waitFor(() => expect(product.requests).toHaveLength(1));
    deadline.abort(new Error('no answer in 1 ms'));
    expect(await answer).toEqual(sentInVain('no answer in 1 ms'));
    await vi.waitFor(() => expect(product.sockets[0]!.destroyed).toBe(true));
  });

  it('when the deadline passes in the middle of a 200', async () => {
    const product = await http((response) => response.writeHead(200).write('{"status":'));
    const deadline = new AbortController();
    const answer = call(provider(product.url()), deadline.signal);
    await vi.waitFor(() => expect(product.requests).toHaveLength(1));
    // Until the status has come over, its absence is another outcome.
    await vi.waitFor(() => expect(product.sockets[0]!.bytesWritten).toBeGreaterThan(0));
    deadline.abort(new Error('no answer in 1 ms'));
    expect(await answer).toMatchObject({ kind: 'mayHaveActed' });
  });

  it('when a 200 breaks off', async () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"status":"Completed"}';
    const product = await tcp((socket) => socket.once('data', () => socket.end(head)));
    expect(await call(provider(product.url()))).toEqual({
      kind: 'mayHaveActed',
      reason: 'HTTP 200, with only a part of its body: UND_ERR_SOCKET',
      subcode: 200,
    });
  });

  it('when a 200 is larger than answerBytesMax', async () => {
    const product = await http(
      answers(200, JSON.stringify({ status: 'Completed', x: 'x'.repeat(5000) })),
    );
    expect(await call(provider(product.url(), { answerBytesMax: 4096 }))).toEqual({
      kind: 'mayHaveActed',
      reason: 'HTTP 200, with only a part of its body: UND_ERR_RES_EXCEEDED_MAX_SIZE',
      subcode: 200,
    });
  });

  it('when the head of an answer has no end', async () => {
    const product = await http((response) =>
      response.writeHead(200, { x: 'x'.repeat(100_000) }).end(),
    );
    expect(await call(provider(product.url()))).toMatchObject({ kind: 'mayHaveActed' });
  });

  it('when the provider is closed over it', async () => {
    const product = await http(() => undefined);
    const closed = provider(product.url());
    const answer = call(closed);
    await vi.waitFor(() => expect(product.requests).toHaveLength(1));
    await closed.close();
    expect(await answer).toMatchObject({ kind: 'mayHaveActed' });
  });

  it('when a kept connection turns out to be dead, and it is not sent again', async () => {
    let calls = 0;
    const product = await tcp((socket) =>
      socket.on('data', () => {
        calls += 1;
        if (calls === 1) socket.write(KEPT);
        else socket.resetAndDestroy();
      }),
    );
    const kept = provider(product.url(), { connectionsMax: 1 });
    expect(await call(kept)).toEqual({ kind: 'completed' });
    expect(await call(kept)).toEqual(sentInVain('ECONNRESET'));
    expect([calls, product.sockets.length]).toEqual([2, 1]);
  });
});

describe('a status that was read stands', () => {
  it.each([
    [202, { kind: 'accepted' }],
    [503, { kind: 'notDone' }],
    [401, { kind: 'unavailable' }],
    [422, { kind: 'failed', errorInfo: { message: 'no such' } }],
    [500, { kind: 'mayHaveActed', reason: 'HTTP 500' }],
  ])('%d, also when its body breaks off', async (status, outcome) => {
    const head = `HTTP/1.1 ${status} X\r\ncontent-length: 100\r\n\r\nno such`;
    const product = await tcp((socket) => socket.once('data', () => socket.end(head)));
    expect(await call(provider(product.url()))).toMatchObject(outcome);
  });

  it('also when its body does not end by the deadline', async () => {
    const product = await http((response) => response.writeHead(422).write('no such host'));
    const answer = call(provider(product.url()), AbortSignal.timeout(500));
    expect(await answer).toMatchObject({
      kind: 'failed',
      errorInfo: { message: 'no such host', subcode: 422 },
    });
  });

  it('also when its body is larger than answerBytesMax', async () => {
    const product = await http(answers(422, 'x'.repeat(500_000)));
    const outcome = await call(provider(product.url()));
    expect(outcome).toMatchObject({ kind: 'failed', errorInfo: { subcode: 422 } });
  });
});

describe('connections', () => {
  it('are kept and used again', async () => {
    const product = await http(answers(204));
    const kept = provider(product.url(), { connectionsMax: 1 });
    for (let n = 0; n < 5; n += 1) expect(await call(kept)).toEqual({ kind: 'completed' });
    expect([product.requests.length, product.sockets.length]).toEqual([5, 1]);
  });

  it('that the product has closed meanwhile are replaced before anything is sent', async () => {
    const product = await tcp((socket) => socket.once('data', () => socket.end(KEPT)));
    const kept = provider(product.url());
    for (let n = 0; n < 3; n += 1) {
      expect(await call(kept)).toEqual({ kind: 'completed' });
      await vi.waitFor(() => expect(product.sockets.at(-1)!.destroyed).toBe(true));
    }
    expect(product.sockets).toHaveLength(3);
  });

  it('never are more than connectionsMax, however many calls there are', async () => {
    const held: ServerResponse[] = [];
    const product = await http((response) => {
      held.push(response);
      if (held.length === 3) held.splice(0).forEach((each) => each.writeHead(204).end());
    });
    const narrow = provider(product.url(), { connectionsMax: 3 });
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => call(narrow)));
    expect(outcomes).toEqual(Array.from({ length: 30 }, () => ({ kind: 'completed' })));
    expect(product.requests).toHaveLength(30);
    expect(product.socketsAtOnceMax).toBe(3);
  });

  it('are as many as concurrencyMax unless told otherwise', async () => {
    const product = await http(() => undefined);
    const wide = provider(product.url(), { concurrencyMax: 7 });
    const deadline = new AbortController();
    const calls = Array.from({ length: 9 }, () => call(wide, deadline.signal));
    await vi.waitFor(() => expect(product.requests).toHaveLength(7));
    deadline.abort(new Error('over'));
    const kinds = (await Promise.all(calls)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'mayHaveActed')).toHaveLength(7);
    expect(kinds.filter((kind) => kind === 'unavailable')).toHaveLength(2);
    expect(product.socketsAtOnceMax).toBe(7);
  });

  it('of a cancel are its own: it does not wait behind the calls', async () => {
    const product = await http((response, { path }) => {
      if (path === '/actions/cancel') answers(200, { status: 'Failed' })(response, undefined!);
    });
    const url = product.url();
    const busy = provider(url, { connectionsMax: 1, cancelUrl: `${url}/cancel` });
    const deadline = new AbortController();
    const stuck = call(busy, deadline.signal);
    await vi.waitFor(() => expect(product.requests).toHaveLength(1));
    const finding = await busy.cancel!(actionWith(), ATTEMPT, never);
    expect(finding).toMatchObject({ kind: 'known', status: 'Failed' });
    deadline.abort(new Error('over'));
    await stuck;
  });

  it('never follow a redirect, wherever it leads', async () => {
    const target = await http(answers(204));
    const product = await http(answers(307, '', { location: target.url() }));
    expect(await call(provider(product.url()))).toMatchObject({ kind: 'failed' });
    expect([product.requests.length, target.requests.length]).toEqual([1, 0]);
  });
});

describe('over TLS', () => {
  let directory: string;
  let ours: Certificates;
  let tlsCaFile: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'webhook-tls-'));
    ours = await certificatesFor('localhost');
    tlsCaFile = join(directory, 'ca.pem');
    writeFileSync(tlsCaFile, ours.authority);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it('a product under the authority of tlsCaFile is called', async () => {
    const product = await http(answers(204), ours);
    const url = product.url('https', 'localhost');
    expect(await call(provider(url, { tlsCaFile }))).toEqual({ kind: 'completed' });
    expect(product.requests).toHaveLength(1);
  });

  it.each([
    ['an authority that nobody knows', 'localhost', false, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['the name of another host', '127.0.0.1', true, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('nothing is sent to one with %s', async (_what, host, isTrusted, code) => {
    const product = await http(answers(204), ours);
    const trust = isTrusted ? { tlsCaFile } : {};
    expect(await call(provider(product.url('https', host), trust))).toEqual(notSent(code));
    expect(product.requests).toEqual([]);
  });

  it('the authority of tlsCaFile stands in place of others', async () => {
    const theirs = await certificatesFor('localhost');
    const product = await http(answers(204), theirs);
    const url = product.url('https', 'localhost');
    expect(await call(provider(url, { tlsCaFile }))).toMatchObject({ kind: 'unavailable' });
    expect(product.requests).toEqual([]);
  });
});
