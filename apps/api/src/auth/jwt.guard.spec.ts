import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { exportJWK, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '#domain/caller';
import { startFixture } from '../http/application.fixture.ts';
import { Public, RequireRole } from './access.ts';
import { CurrentCaller } from './caller.ts';
import { JwtGuard } from './jwt.guard.ts';

@Controller()
class DoorsController {
  @Get('open')
  @Public()
  open(): string {
    return 'open';
  }

  @Get('read')
  @RequireRole('read')
  read(@CurrentCaller() caller: Caller): Caller {
    return caller;
  }

  @Get('write')
  @RequireRole('write')
  write(@CurrentCaller() caller: Caller): Caller {
    return caller;
  }

  @Get('unmarked')
  unmarked(): string {
    return 'unmarked';
  }
}

const ISSUER = 'https://issuer.test/tenant/';
const AUDIENCE = 'https://graph.microsoft.com';
const READ = 'SecurityActions.Read.All';
const WRITE = 'SecurityActions.ReadWrite.All';

describe('the guard', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let app: NestFastifyApplication;
  let issuer: Server;
  let lines: Record<string, unknown>[];

  beforeAll(async () => {
    const keys = [
      { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', use: 'sig' },
    ];
    issuer = createServer((_request, response) => response.end(JSON.stringify({ keys })));
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    const { port } = issuer.address() as AddressInfo;
    ({ app, lines } = await startFixture({
      env: {
        AUTH_ISSUER: ISSUER,
        AUTH_AUDIENCE: AUDIENCE,
        AUTH_JWKS_URI: `http://127.0.0.1:${port}/keys`,
      },
      controllers: [DoorsController],
      guard: JwtGuard,
    }));
  });
  afterAll(async () => {
    await app.close();
    issuer.close();
  });

  const now = () => Math.floor(Date.now() / 1000);
  const claims = (changes: JWTPayload = {}): JWTPayload => ({
    iss: ISSUER,
    aud: AUDIENCE,
    exp: now() + 600,
    tid: 'tenant-a',
    azp: 'app-1',
    roles: [WRITE],
    ...changes,
  });
  const sign = (
    changes: JWTPayload = {},
    { key = ec.privateKey as KeyObject | Uint8Array, alg = 'ES256', kid = 'ec' } = {},
  ) => new SignJWT(claims(changes)).setProtectedHeader({ alg, kid }).sign(key);
  const ask = async (path: string, token?: string) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await app.inject({ url: path, headers });
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  };
  const refusal = async (token: string) => {
    const { status, body } = await ask('/read', token);
    if (status === 200) return [status];
    expect(body).not.toContain(token.split('.')[1] || 'never');
    const { error } = JSON.parse(body) as { error: { code: string; message: string } };
    return [status, error.code, error.message];
  };
  const invalid = (message: string) => [401, 'InvalidAuthenticationToken', message];

  it('lets nobody in without a token, and says so', async () => {
    const { status, headers, body } = await ask('/read');
    expect([status, JSON.parse(body)]).toMatchObject([
      401,
      { error: { code: 'InvalidAuthenticationToken', message: 'Access token is empty.' } },
    ]);
    expect(headers['www-authenticate']).toContain('Bearer realm=""');
    expect((await ask('/read', '')).status).toBe(401);
    const basic = await app.inject({ url: '/read', headers: { authorization: 'Basic dTpw' } });
    expect(basic.statusCode).toBe(401);
  });

  it('lets everybody in where it is public, even with a bad token', async () => {
    expect((await ask('/open')).status).toBe(200);
    expect((await ask('/open', 'garbage')).status).toBe(200);
  });

  it('is closed where nothing is said: only who may write comes in', async () => {
    expect((await ask('/unmarked')).status).toBe(401);
    expect((await ask('/unmarked', await sign({ roles: [READ] }))).status).toBe(403);
    expect((await ask('/unmarked', await sign())).status).toBe(200);
  });

  it('lets Read.All read and ReadWrite.All do both', async () => {
    const reader = await sign({ roles: [READ] });
    const writer = await sign({ roles: [WRITE] });
    const statuses = await Promise.all(
      [
        ['/read', reader],
        ['/write', reader],
        ['/read', writer],
        ['/write', writer],
      ].map(async ([path, token]) => (await ask(path!, token)).status),
    );
    expect(statuses).toEqual([200, 403, 200, 200]);
  });

  it.each([{ roles: [] }, { roles: undefined }, { roles: ['constructor', 'Other.All'] }])(
    'refuses with 403 who has no role here: %j',
    async (changes) => {
      expect(await refusal(await sign(changes))).toEqual([
        403,
        'Authorization_RequestDenied',
        'Insufficient privileges to complete the operation.',
      ]);
    },
  );

  it('knows an application by azp (v2) or appid (v1), and no person behind it', async () => {
    const expected = { tenantId: 'tenant-a', appId: 'app-1', user: null };
    expect(JSON.parse((await ask('/read', await sign({ upn: 'a@b' }))).body)).toEqual(expected);
    const v1 = await sign({ azp: undefined, appid: 'app-1' });
    expect(JSON.parse((await ask('/read', v1)).body)).toEqual(expected);
  });

  it.each([
    [{ upn: 'ann@example.com' }, 'ann@example.com'],
    [{ preferred_username: 'bob@example.com' }, 'bob@example.com'],
    [{}, null],
  ])('knows the person behind a delegated token: %j', async (who, user) => {
    const token = await sign({ roles: undefined, scp: `openid ${READ}`, ...who });
    expect(JSON.parse((await ask('/read', token)).body)).toMatchObject({ user });
    expect((await ask('/write', token)).status).toBe(403);
  });

  it.each(['RS256', 'PS256'])('takes %s too', async (alg) => {
    expect(await refusal(await sign({}, { key: rsa.privateKey, alg, kid: 'rsa' }))).toEqual([200]);
  });

  it('takes the scheme in any case', async () => {
    const headers = { authorization: `bEARER ${await sign()}` };
    expect((await app.inject({ url: '/read', headers })).statusCode).toBe(200);
  });

  it('refuses a token without a signature (alg none)', async () => {
    const unsigned = new UnsecuredJWT(claims()).encode();
    expect((await refusal(unsigned))[0]).toBe(401);
    const [header, payload] = (await sign()).split('.');
    expect((await refusal(`${header}.${payload}.`))[0]).toBe(401);
  });

  it('refuses HMAC with the public key as the secret', async () => {
    const head = base64url({ alg: 'HS256', kid: 'rsa' });
    const content = `${head}.${base64url(claims())}`;
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
    const mac = createHmac('sha256', pem).update(content).digest('base64url');
    expect(await refusal(`${content}.${mac}`)).toEqual(
      invalid('Access token validation failure. The signing algorithm is not allowed.'),
    );
  });

  it("refuses another issuer's key under a known id", async () => {
    expect(await refusal(await sign({}, { key: stranger.privateKey }))).toEqual(
      invalid('Access token validation failure. Invalid signature.'),
    );
  });

  it('refuses a key id that the issuer does not have', async () => {
    expect(await refusal(await sign({}, { key: stranger.privateKey, kid: 'new' }))).toEqual(
      invalid('Access token validation failure. The signing key is not one of the issuer.'),
    );
  });

  it.each([
    [{ iss: 'https://evil.test/' }, "The claim 'iss' is not valid."],
    [{ iss: undefined }, "The claim 'iss' is missing."],
    [{ aud: 'https://other.test' }, "The claim 'aud' is not valid."],
    [{ aud: undefined }, "The claim 'aud' is missing."],
    [{ exp: undefined }, "The claim 'exp' is missing."],
    [{ tid: undefined }, "The claim 'tid' is missing."],
    [{ tid: '' }, "The claim 'tid' is not valid."],
    [{ tid: 'a b' }, "The claim 'tid' is not valid."],
    [{ tid: 7 }, "The claim 'tid' is not valid."],
    [{ roles: 'all' }, "The claim 'roles' is not valid."],
    [{ azp: undefined }, "The claim 'azp' or 'appid' is missing."],
  ])('refuses the claims %j', async (changes, message) => {
    expect(await refusal(await sign(changes))).toEqual(
      invalid(`Access token validation failure. ${message}`),
    );
  });

  it('takes one of several audiences', async () => {
    expect(await refusal(await sign({ aud: ['https://other.test', AUDIENCE] }))).toEqual([200]);
  });

  it('refuses a token before and after its time, give or take 30 seconds', async () => {
    expect(await refusal(await sign({ exp: now() - 40 }))).toEqual(
      invalid('Lifetime validation failed, the token is expired.'),
    );
    expect(await refusal(await sign({ nbf: now() + 40 }))).toEqual(
      invalid('Lifetime validation failed, the token is not valid yet.'),
    );
    expect(await refusal(await sign({ exp: now() - 15, nbf: now() + 15 }))).toEqual([200]);
  });

  it.each(['garbage', 'head.claims.sign', '..', 'five.parts.of.no.jwt', `${'x'.repeat(5000)}.y.z`])(
    'refuses the garbage %s',
    async (token) => {
      expect(await refusal(token)).toEqual(invalid('Access token is malformed.'));
    },
  );

  it('refuses a token whose claims were changed after signing', async () => {
    const [header, , signature] = (await sign()).split('.');
    const forged = `${header}.${base64url(claims({ tid: 'tenant-b' }))}.${signature}`;
    expect((await refusal(forged))[0]).toBe(401);
  });

  it('puts the tenant into the log line of the request, and never the token', async () => {
    lines.length = 0;
    const token = await sign();
    await ask('/read', token);
    expect(lines).toMatchObject([{ msg: 'request', tenantId: 'tenant-a' }]);
    expect(JSON.stringify(lines)).not.toContain(token.split('.')[2]);
  });
});

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
