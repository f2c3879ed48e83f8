import { randomBytes } from 'node:crypto';
import { Agent, IncomingMessage, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Body, Controller, Get, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  type MockInstance,
  vi,
} from 'vitest';
import { portOf, startFixture } from './application.fixture.ts';
import { listen } from './application.ts';
import { giveBack } from './give-back.ts';

const PATH = 'security/securityActions';
const BODY_BYTES = 60_000;
const BYTES_MAX = 64_000;
const PIECE_BYTES = 7000;

@Controller(PATH)
class HoldingController {
  static hold: (() => Promise<void>) | undefined;

  @Post()
  async create(@Body() _body: unknown): Promise<unknown> {
    await HoldingController.hold?.();
    return {};
  }

  @Get()
  list(): unknown {
    return {};
  }
}

interface Sent {
  body?: Buffer;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  /** In pieces and without its length in front. */
  chunked?: boolean;
  through?: Agent;
}

const jsonOf = (bytes: number) => Buffer.from(JSON.stringify('x'.repeat(bytes - 2)));

describe('the memory of a large body', () => {
  let app: NestFastifyApplication;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  /** Node's way to hand on what has come. */
  let pushed: MockInstance<(this: IncomingMessage, chunk: Buffer | null) => boolean>;

  beforeAll(async () => {
    const env = {
      LOG_LEVEL: 'silent',
      BODY_BYTES_MAX: `${BYTES_MAX}`,
      // For one alone.
      BODY_BYTES_IN_FLIGHT_MAX: `${BODY_BYTES}`,
    };
    const fixture = await startFixture({ env, controllers: [HoldingController] });
    app = fixture.app;
    await listen(app, fixture.settings);
  });
  afterAll(async () => {
    agent.destroy();
    await app.close();
  });
  beforeEach(() => {
    pushed = vi.spyOn(IncomingMessage.prototype, 'push');
  });

  /** @returns the status of the answer */
  const send = ({
    body = jsonOf(BODY_BYTES),
    method = 'POST',
    path = `/${PATH}`,
    headers = {},
    chunked = false,
    through = agent,
  }: Sent): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const all = {
        'content-type': 'application/json',
        ...headers,
        ...(!chunked && { 'content-length': body.length }),
      };
      const sent = request(
        { agent: through, port: portOf(app), method, path, headers: all },
        (answer) => answer.resume().on('end', () => resolve(answer.statusCode)),
      );
      sent.on('error', reject);
      for (let at = 0; at < body.length; at += chunked ? PIECE_BYTES : Infinity) {
        sent.write(chunked ? body.subarray(at, at + PIECE_BYTES) : body);
      }
      sent.end();
    });
  /** What has come of bodies. */
  const come = () =>
    pushed.mock.calls.flatMap(([chunk], index) =>
      // Not of answers, whose status somebody else has set.
      Buffer.isBuffer(chunk) && pushed.mock.contexts[index]?.statusCode === null ? [chunk] : [],
    );
  /** But for the end of a body, which may be short. */
  const left = () => come().filter(({ length }) => length > PIECE_BYTES / 2);

  it.each<[string, number, Sent]>([
    ['once it is understood', 201, {}],
    ['once it is understood, of all its pieces', 201, { chunked: true }],
    [
      'once it is unpacked',
      201,
      { body: gzipSync(JSON.stringify(randomBytes(45_000).toString('base64'))) },
    ],
    ['when it is no JSON', 400, { body: Buffer.alloc(BODY_BYTES, '[') }],
    ['when it is called something else', 415, { headers: { 'content-type': 'text/plain' } }],
    ['when nobody can unpack it', 415, { headers: { 'content-encoding': 'br' } }],
    ['when it is too large', 413, { body: jsonOf(BYTES_MAX + 1) }],
    ['when it turns out to be too large', 413, { body: jsonOf(BYTES_MAX + 1), chunked: true }],
    ['when it comes with a GET', 200, { method: 'GET' }],
    ['when it goes nowhere', 400, { path: '/nowhere' }],
  ])('is given back %s (%i)', async (_when, status, sent) => {
    expect(await send(sent)).toBe(status);
    expect(come().length).toBeGreaterThan(sent.chunked ? 5 : 0);
    await expect.poll(left).toEqual([]);
  });

  it('is given back when the client goes in the midst of it', async () => {
    const sent = request({
      port: portOf(app),
      method: 'POST',
      path: `/${PATH}`,
      headers: { 'content-type': 'application/json', 'content-length': BODY_BYTES },
    });
    sent.on('error', () => sent.destroy());
    sent.write(jsonOf(BODY_BYTES).subarray(1));
    await expect.poll(() => come().length).toBeGreaterThan(0);
    sent.destroy();
    await expect.poll(left).toEqual([]);
  });

  describe('that finds no room', () => {
    const waiting = new Agent();
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    let first: Promise<unknown>;

    beforeAll(async () => {
      HoldingController.hold = () => {
        begin();
        return held;
      };
      first = send({ through: waiting });
      await begun;
    });
    afterAll(async () => {
      letGo();
      await first;
      HoldingController.hold = undefined;
      waiting.destroy();
    });

    it.each([
      ['by the length it announces', false],
      ['by what has come of it', true],
    ])('is given back when it is refused %s', async (_how, chunked) => {
      expect(await send({ chunked })).toBe(503);
      await expect.poll(() => come().length).toBeGreaterThan(0);
      await expect.poll(left).toEqual([]);
    });
  });
});

describe('bytes', () => {
  it('that share their memory with others are left alone', () => {
    const all = Buffer.alloc(100_000, 'x');
    giveBack(all.subarray(0, 50_000));
    expect(all.toString()).toBe('x'.repeat(100_000));
  });

  it('that have it for themselves are gone', () => {
    const bytes = Buffer.alloc(100_000);
    giveBack(bytes);
    expect(bytes.length).toBe(0);
  });
});
