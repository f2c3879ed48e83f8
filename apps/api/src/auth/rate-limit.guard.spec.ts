import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BatchController } from '../batch/batch.controller.ts';
import { startFixture } from '../http/application.fixture.ts';
import type { ErrorEnvelope } from '../http/error-filter.ts';
import { GRAPH_JSON } from '../http/graph-headers.ts';
import { Public, RequireRole } from './access.ts';
import { startTokenIssuer, timely, type TokenIssuer } from '#auth/issuer.fixture';
import { JwtGuard } from './jwt.guard.ts';
import { RateLimitGuard } from './rate-limit.guard.ts';

@Controller()
class CountedController {
  @Get('counted')
  @RequireRole('read')
  counted(): string {
    return 'ok';
  }

  @Post('other')
  @HttpCode(200)
  other(): string {
    return 'ok';
  }

  @Get('open')
  @Public()
  open(): string {
    return 'ok';
  }
}

describe('the rate limit', () => {
  let issuer: TokenIssuer;
  const apps: NestFastifyApplication[] = [];

  beforeAll(async () => {
    issuer = await startTokenIssuer();
  });
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await issuer.stop();
  });

  const start = async (env: Record<string, string>) => {
    const { app } = await startFixture({
      env: { LOG_LEVEL: 'silent', AUTH_ISSUER: 'i', AUTH_JWKS_URI: issuer.jwksUri, ...env },
      controllers: [CountedController, BatchController],
      guard: [JwtGuard, RateLimitGuard],
    });
    apps.push(app);
    return app;
  };
  const headers = async (azp = 'app', tid = 'tenant') => ({
    authorization: `Bearer ${await issuer.sign(
      timely({ iss: 'i', tid, azp, roles: ['SecurityActions.ReadWrite.All'] }),
    )}`,
  });

  it("answers 429 in Graph's shape with the seconds to wait, counting all routes together", async () => {
    const app = await start({ RATE_LIMIT_PER_MINUTE: '2' });
    const mine = await headers();
    const first = await app.inject({ url: '/counted', headers: mine });
    const second = await app.inject({ method: 'POST', url: '/other', headers: mine });
    expect([first.statusCode, second.statusCode]).toEqual([200, 200]);
    const third = await app.inject({ url: '/counted', headers: await headers() });
    expect(third.statusCode).toBe(429);
    expect(third.headers['content-type']).toBe(GRAPH_JSON);
    expect(third.headers['retry-after']).toMatch(/^(?:[1-9]|[1-5]\d|60)$/);
    expect(third.json<ErrorEnvelope>().error).toMatchObject({
      code: 'TooManyRequests',
      innerError: { 'request-id': third.headers['request-id'] },
    });
  });

  it('counts each tenant and each app apart', async () => {
    const app = await start({ RATE_LIMIT_PER_MINUTE: '1' });
    const callers = [await headers(), await headers('other-app'), await headers('app', 'other')];
    for (const caller of callers) {
      expect((await app.inject({ url: '/counted', headers: caller })).statusCode).toBe(200);
      expect((await app.inject({ url: '/counted', headers: caller })).statusCode).toBe(429);
    }
  });

  it('does not count what needs no token, nor whom it does not know', async () => {
    const app = await start({ RATE_LIMIT_PER_MINUTE: '1' });
    const mine = await headers();
    for (let round = 0; round < 3; round += 1) {
      expect((await app.inject({ url: '/open', headers: mine })).statusCode).toBe(200);
      expect((await app.inject({ url: '/counted' })).statusCode).toBe(401);
    }
    expect((await app.inject({ url: '/counted', headers: mine })).statusCode).toBe(200);
  });

  it('counts each request of a batch, and not the batch', async () => {
    const app = await start({ RATE_LIMIT_PER_MINUTE: '2' });
    const mine = await headers();
    const requests = ['1', '2', '3'].map((id, index, ids) => ({
      id,
      method: 'GET',
      url: 'counted',
      ...(index > 0 && { dependsOn: [ids[index - 1]] }),
    }));
    const answer = await app.inject({
      method: 'POST',
      url: '/$batch',
      headers: mine,
      payload: { requests },
    });
    const { responses } = answer.json<{
      responses: { status: number; headers: Record<string, string> }[];
    }>();
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(responses[2]!.headers['Retry-After']).toMatch(/^\d+$/);
  });

  it('is off unless it is set', async () => {
    const app = await start({});
    const mine = await headers();
    const answers = await Promise.all(
      Array.from({ length: 300 }, () => app.inject({ url: '/counted', headers: mine })),
    );
    expect(answers.every(({ statusCode }) => statusCode === 200)).toBe(true);
  });
});
