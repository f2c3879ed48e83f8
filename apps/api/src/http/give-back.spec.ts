import { Agent, request } from 'node:http';
import { Body, Controller, Get, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { portOf, startFixture } from './application.fixture.ts';
import { listen } from './application.ts';
import { giveBack } from './give-back.ts';

const PATH = 'security/securityActions';
const BODY_BYTES = 60_000;
const BYTES_MAX = 64_000;
/** Too few for V8 to look for garbage meanwhile. */
const REQUESTS = 50;
const MIB = 2 ** 20;

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

describe('the memory of a large body', () => {
  let app: NestFastifyApplication;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();

  beforeAll(async () => {
    const env = {
      LOG_LEVEL: 'silent',
      BODY_BYTES_MAX: `${BYTES_MAX}`,
      BODY_BYTES_IN_FLIGHT_MAX: `${BODY_BYTES}`,
    };
    const fixture = await startFixture({ env, controllers: [HoldingController] });
    app = fixture.app;
    await listen(app, fixture.settings);
  });
  afterAll(async () => {
    letGo();
    agent.destroy();
    await app.close();
  });

  const jsonOf = (bytes: number) => Buffer.from(JSON.stringify('x'.repeat(bytes - 2)));
  /** @returns the status of the answer */
  const send = (
    body: Buffer,
    { method = 'POST', chunked = false, through = agent } = {},
  ): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        ...(!chunked && { 'content-length': body.length }),
      };
      const sent = request(
        { agent: through, port: portOf(app), method, path: `/${PATH}`, headers },
        (answer) => answer.resume().on('end', () => resolve(answer.statusCode)),
      );
      sent.on('error', reject).end(body);
    });
  /** What is left of many of them, in bytes, before V8 has looked for garbage. */
  const leftBy = async (one: () => Promise<unknown>) => {
    await one();
    const before = process.memoryUsage().arrayBuffers;
    for (let n = 0; n < REQUESTS; n++) await one();
    return process.memoryUsage().arrayBuffers - before;
  };

  it('is given back once it is understood', async () => {
    const body = jsonOf(BODY_BYTES);
    expect(await send(body)).toBe(201);
    expect(await leftBy(() => send(body))).toBeLessThan(MIB);
  });

  it('is given back as it comes with a GET', async () => {
    const body = jsonOf(BODY_BYTES);
    expect(await send(body, { method: 'GET' })).toBe(200);
    expect(await leftBy(() => send(body, { method: 'GET' }))).toBeLessThan(MIB);
  });

  it('is given back as it comes when it is too large', async () => {
    const body = jsonOf(BYTES_MAX + 1);
    expect(await send(body)).toBe(413);
    expect(await leftBy(() => send(body))).toBeLessThan(MIB);
  });

  describe('that finds no room', () => {
    const waiting = new Agent();
    let first: Promise<unknown>;

    beforeAll(async () => {
      HoldingController.hold = () => {
        begin();
        return held;
      };
      first = send(jsonOf(BODY_BYTES), { through: waiting });
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
      const body = jsonOf(BODY_BYTES);
      expect(await send(body, { chunked })).toBe(503);
      expect(await leftBy(() => send(body, { chunked }))).toBeLessThan(MIB);
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
