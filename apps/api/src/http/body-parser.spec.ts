import { deflateSync, gzipSync } from 'node:zlib';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { portOf, sendRaw, startFixture } from './application.fixture.ts';
import { listen } from './application.ts';

const LIMIT = 1000;
const URL = '/security/securityActions';
const JSON_TYPE = { 'content-type': 'application/json' };

describe('a request body', () => {
  let app: NestFastifyApplication;
  let port: number;

  beforeAll(async () => {
    const fixture = await startFixture({
      env: { LOG_LEVEL: 'silent', BODY_BYTES_MAX: `${LIMIT}` },
    });
    app = fixture.app;
    await listen(app, fixture.settings);
    port = portOf(app);
  });
  afterAll(() => app.close());

  const post = (
    payload: string | Buffer | undefined,
    headers: Record<string, string> = JSON_TYPE,
  ) => app.inject({ method: 'POST', url: URL, headers, ...(payload !== undefined && { payload }) });
  const received = async (...sent: Parameters<typeof post>) => {
    const { statusCode, body } = await post(...sent);
    return { status: statusCode, received: (JSON.parse(body) as { received?: unknown }).received };
  };
  const refusal = async (...sent: Parameters<typeof post>) => {
    const { statusCode, body } = await post(...sent);
    const { error } = JSON.parse(body) as { error: { code: string; message: string } };
    return { status: statusCode, code: error.code, message: error.message };
  };
  const jsonOf = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));

  it('is undefined when empty, although it is called JSON (JavaScript client: cancel)', async () => {
    expect(await received('', { ...JSON_TYPE, 'content-length': '0' })).toEqual({
      status: 201,
      received: 'undefined',
    });
  });

  it('is undefined when there is none and no type (Kiota: cancel)', async () => {
    expect(await received(undefined, {})).toEqual({ status: 201, received: 'undefined' });
  });

  it('is null when it says null (JavaScript client: cancel(null))', async () => {
    expect(await received('null')).toEqual({ status: 201, received: null });
  });

  it.each([
    'Application/Json',
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false',
    'APPLICATION/JSON; charset=utf-8',
  ])('is read when called %s', async (type) => {
    expect(await received('{"a":1}', { 'content-type': type })).toEqual({
      status: 201,
      received: { a: 1 },
    });
  });

  it('is unpacked when it is gzip (Go SDK)', async () => {
    const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    expect(await received(gzipSync('{"a":1}'), headers)).toMatchObject({ received: { a: 1 } });
  });

  it('is unpacked by its bytes, without the header too', async () => {
    expect(await received(gzipSync('{"a":1}'))).toMatchObject({ received: { a: 1 } });
  });

  it('is read as it is when the header says gzip and the bytes do not (Go SDK: retry)', async () => {
    const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    expect(await received('{"a":1}', headers)).toMatchObject({ received: { a: 1 } });
  });

  it('is read when that comes in chunks (Go SDK: retry)', async () => {
    const answer = await exchange(
      chunked(['{"a"', ':1}'], 'Content-Type: application/json\r\nContent-Encoding: gzip\r\n'),
    );
    expect(answer).toContain('201 Created');
    expect(answer).toContain('{"received":{"a":1}}');
  });

  it('is refused with 413 when gzip unpacks to more than the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(500_000, ' '));
    expect(bomb.length).toBeLessThan(LIMIT);
    const tooLarge = { status: 413, code: 'requestEntityTooLarge' };
    expect(await refusal(bomb)).toMatchObject(tooLarge);
    expect(await refusal(gzipSync(jsonOf(LIMIT + 1)))).toMatchObject(tooLarge);
  });

  it('is read when gzip unpacks to exactly the limit', async () => {
    expect(await received(gzipSync(jsonOf(LIMIT)))).toMatchObject({ status: 201 });
  });

  it('is refused with 400 when the gzip is broken or cut off', async () => {
    const packed = gzipSync('{"a":1}');
    const message = 'The body is not valid gzip.';
    const refused = { status: 400, code: 'invalidRequest', message };
    expect(await refusal(packed.subarray(0, -5))).toEqual(refused);
    expect(await refusal(Buffer.from([0x1f, 0x8b, 1, 2, 3]))).toEqual(refused);
  });

  it.each(['deflate', 'br', 'zstd', 'gzip, br'])(
    'is refused with 415 when it is %s',
    async (name) => {
      const headers = { ...JSON_TYPE, 'content-encoding': name };
      expect(await refusal(deflateSync('{"a":1}'), headers)).toEqual({
        status: 415,
        code: 'unsupportedMediaType',
        message: expect.stringContaining(name),
      });
    },
  );

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'nonsense'])(
    'is refused with 415 when called %s',
    async (type) => {
      expect(await refusal('a=1', { 'content-type': type })).toMatchObject({
        status: 415,
        code: 'unsupportedMediaType',
      });
    },
  );

  it('is refused with 415 when it has no type', async () => {
    expect(await exchange(chunked(['{}'], ''))).toContain('415 Unsupported Media Type');
  });

  it('is undefined when it is empty, in chunks and without a type', async () => {
    expect(await exchange(chunked([], ''))).toContain('201 Created');
  });

  it.each([
    ['{"a":1,}', 'position 7'],
    ['{"a": x}', "Unexpected token 'x'"],
    ['{"a":', 'Unexpected end of JSON input'],
    ['{} {}', 'position 3'],
  ])('is refused with 400 that says where, when it is the broken JSON %s', async (json, where) => {
    expect(await refusal(json)).toEqual({
      status: 400,
      code: 'invalidRequest',
      message: expect.stringMatching(`The body is not valid JSON: .*${where}`),
    });
  });

  it('is refused with 400 when it is not UTF-8', async () => {
    const latin1 = Buffer.from('{"a":"\xe9"}', 'latin1');
    expect(await refusal(latin1)).toMatchObject({
      status: 400,
      message: 'The body is not valid UTF-8.',
    });
  });

  it('is refused with 400 when it nests too deep', async () => {
    const deep = '['.repeat(400) + ']'.repeat(400);
    expect(await refusal(deep)).toMatchObject({
      status: 400,
      message: 'The body nests deeper than 64 levels.',
    });
  });

  it('cannot reach a prototype', async () => {
    const hostile =
      '{"a":{"__proto__":{"evil":1}},"b":{"constructor":{"prototype":{"evil":1}}},"c":1}';
    expect(await received(hostile)).toEqual({ status: 201, received: { a: {}, b: {}, c: 1 } });
    expect(({} as { evil?: unknown }).evil).toBeUndefined();
  });

  it('passes at exactly the limit and is refused with 413 one byte above', async () => {
    expect(await received(jsonOf(LIMIT))).toMatchObject({ status: 201 });
    expect(await refusal(jsonOf(LIMIT + 1))).toMatchObject({
      status: 413,
      code: 'requestEntityTooLarge',
    });
  });

  it('is bounded when it comes in chunks', async () => {
    const headers = 'Content-Type: application/json\r\n';
    const parts = (bytes: number) => jsonOf(bytes).match(/.{1,300}/g)!;
    expect(await exchange(chunked(parts(LIMIT), headers))).toContain('201 Created');
    expect(await exchange(chunked(parts(LIMIT + 1), headers))).toContain('413 Payload Too Large');
  });

  it('that is far too large is answered 413 to a client that first sends it all', async () => {
    const parts = jsonOf(900_000).match(/.{1,60000}/g)!;
    const answer = await exchange(chunked(parts, 'Content-Type: application/json\r\n'));
    expect(answer).toContain('413 Payload Too Large');
    expect(answer).toContain('"code":"requestEntityTooLarge"');
  });

  it('that declares a huge length is refused before it comes', async () => {
    const answer = await exchange(
      `POST ${URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{`,
    );
    expect(answer).toContain('413 Payload Too Large');
    expect(answer.toLowerCase()).toContain('connection: close');
  });

  it('that never ends is cut off', async () => {
    const endless = chunked(['x'.repeat(3_000_000)], 'Content-Type: application/json\r\n').slice(
      0,
      -5,
    );
    // All of it but its end: a client that has not read by then sees the connection end and no answer.
    expect(await exchange(endless)).toMatch(/^(?:HTTP\/1\.1 413 |$)/);
  });

  function chunked(parts: string[], headers: string): string {
    const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
    return `POST ${URL} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n${headers}\r\n${chunks}0\r\n\r\n`;
  }

  function exchange(bytes: string): Promise<string> {
    return sendRaw(port, bytes);
  }
});
