import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, describe, expect, it } from 'vitest';
import { JwtGuard } from '../auth/jwt.guard.ts';
import { startFixture } from './application.fixture.ts';

const URL = '/beta/security/securityActions';
const OURS = 'https://soc.example.com';
const PREFLIGHT = {
  'access-control-request-method': 'PATCH',
  'access-control-request-headers': 'authorization,content-type,client-request-id,prefer',
};

describe('a page of another origin', () => {
  const apps: NestFastifyApplication[] = [];
  afterAll(() => Promise.all(apps.map((app) => app.close())));

  const start = async (origins?: string) => {
    const { app } = await startFixture({
      env: { LOG_LEVEL: 'silent', ...(origins !== undefined && { CORS_ORIGINS: origins }) },
      guard: JwtGuard,
    });
    apps.push(app);
    return (method: 'GET' | 'OPTIONS' | 'PUT', url: string, headers: Record<string, string>) =>
      app.inject({ method, url, headers });
  };

  it('may ask beforehand without a token, and is told what it may send', async () => {
    const ask = await start(`${OURS}, https://other.example.com`);
    for (const url of [URL, `${URL}/1`, '/$batch']) {
      const { statusCode, headers, body } = await ask('OPTIONS', url, {
        origin: OURS,
        ...PREFLIGHT,
      });
      expect([statusCode, body]).toEqual([204, '']);
      expect(headers).toMatchObject({
        'access-control-allow-origin': OURS,
        'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
        'access-control-allow-headers': PREFLIGHT['access-control-request-headers'],
        'access-control-max-age': '600',
        'request-id': expect.any(String),
      });
      expect(headers['vary']).toContain('Origin');
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
    }
  });

  it.each([
    ['GET', URL, 401],
    ['GET', '/nowhere', 400],
    ['PUT', URL, 405],
  ] as const)(
    'may read the answer to %s %s and its headers, although it is %i',
    async (method, url, status) => {
      const ask = await start(OURS);
      const { statusCode, headers } = await ask(method, url, { origin: OURS });
      expect(statusCode).toBe(status);
      expect(headers['access-control-allow-origin']).toBe(OURS);
      expect(headers['vary']).toBe('Authorization, Prefer, Origin');
      expect(String(headers['access-control-expose-headers']).split(', ')).toEqual(
        expect.arrayContaining([
          'ETag',
          'Location',
          'Preference-Applied',
          'Content-Range',
          'request-id',
          'client-request-id',
          'Retry-After',
          'cancel-outcome',
          'Idempotency-Replayed',
        ]),
      );
    },
  );

  it('may not when its origin is not listed', async () => {
    const ask = await start(OURS);
    for (const origin of ['https://evil.example.com', `${OURS}.evil.example.com`, 'null']) {
      const { headers } = await ask('GET', URL, { origin });
      expect(headers).not.toHaveProperty('access-control-allow-origin');
      expect(headers['vary']).toContain('Origin');
    }
  });

  it('may wherever it is from when all may', async () => {
    const ask = await start('*');
    const { headers } = await ask('GET', URL, { origin: 'https://any.example.com' });
    expect(headers['access-control-allow-origin']).toBe('*');
  });

  it('may not unless it is configured', async () => {
    const ask = await start();
    const answer = await ask('OPTIONS', URL, { origin: OURS, ...PREFLIGHT });
    expect([answer.statusCode, answer.headers['allow']]).toEqual([204, 'GET, HEAD, POST']);
    expect(Object.keys(answer.headers).join()).not.toContain('access-control');
  });

  it('changes nothing for an OPTIONS request that is no such question', async () => {
    const ask = await start(OURS);
    const known = await ask('OPTIONS', URL, {});
    expect([known.statusCode, known.headers['allow']]).toEqual([204, 'GET, HEAD, POST']);
    expect((await ask('OPTIONS', '/nowhere', {})).statusCode).toBe(400);
  });
});
