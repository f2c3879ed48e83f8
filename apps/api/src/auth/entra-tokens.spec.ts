import { createHmac, generateKeyPairSync } from 'node:crypto';
import { Controller, Get } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { exportJWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Caller } from '#domain/caller';
import { startFixture } from '../http/application.fixture.ts';
import type { ErrorEnvelope } from '../http/error-filter.ts';
import { GRAPH_JSON } from '../http/graph-headers.ts';
import { RequireRole } from './access.ts';
import { CurrentCaller } from './caller.ts';
import { AUDIENCE, startTokenIssuer, timely, type TokenIssuer } from '#auth/issuer.fixture';
import { JwtGuard } from './jwt.guard.ts';

@Controller()
class WhoController {
  @Get('who')
  @RequireRole('read')
  who(@CurrentCaller() caller: Caller): Caller {
    return caller;
  }
}

const V2 = 'https://login.microsoftonline.com/{tenantid}/v2.0';
const V1 = 'https://sts.windows.net/{tenantid}/';
const TENANT = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';
const APP = '33333333-3333-4333-8333-333333333333';
const API = '44444444-4444-4444-8444-444444444444';
const ROLE = 'SecurityActions.ReadWrite.All';

/** The shapes of Entra ID's tokens: version 1 and 2, of an application and of a person. */
const v2 = {
  ver: '2.0',
  iss: V2.replace('{tenantid}', TENANT),
  aud: API,
  tid: TENANT,
  azp: APP,
  azpacr: '1',
};
const v1 = {
  ver: '1.0',
  iss: V1.replace('{tenantid}', TENANT),
  aud: AUDIENCE,
  tid: TENANT,
  appid: APP,
  appidacr: '1',
};
const application = { roles: [ROLE], idtyp: 'app', sub: APP, oid: APP };
const person = { scp: `openid ${ROLE}`, sub: 'pairwise', oid: 'someone' };

describe('with the templates of Entra ID for all tenants', () => {
  let issuer: TokenIssuer;
  let app: NestFastifyApplication;

  beforeAll(async () => {
    issuer = await startTokenIssuer();
    ({ app } = await startFixture({
      env: {
        LOG_LEVEL: 'silent',
        AUTH_ISSUER: `${V2}, ${V1}`,
        AUTH_AUDIENCE: `${AUDIENCE},${API}`,
        AUTH_JWKS_URI: issuer.jwksUri,
      },
      controllers: [WhoController],
      guard: JwtGuard,
    }));
  });
  afterAll(async () => {
    await app.close();
    await issuer.stop();
  });

  const ask = (token: string) =>
    app.inject({ url: '/who', headers: { authorization: `Bearer ${token}` } });
  const who = async (claims: JWTPayload) => (await ask(await issuer.sign(timely(claims)))).json();

  describe('a token that is good', () => {
    it('of version 2 names an application', async () => {
      expect(await who({ ...v2, ...application })).toEqual({
        tenantId: TENANT,
        appId: APP,
        user: null,
      });
    });

    it('of version 1 names an application', async () => {
      expect(await who({ ...v1, ...application })).toEqual({
        tenantId: TENANT,
        appId: APP,
        user: null,
      });
    });

    it.each([
      ['2', { ...v2, ...person, preferred_username: 'ann@example.com' }],
      ['1', { ...v1, ...person, upn: 'ann@example.com' }],
    ])('of version %s names the person that an application acts for', async (_version, claims) => {
      expect(await who(claims)).toEqual({ tenantId: TENANT, appId: APP, user: 'ann@example.com' });
    });

    it('may be of any tenant, if its issuer is that of the tenant', async () => {
      const iss = V2.replace('{tenantid}', OTHER);
      expect(await who({ ...v2, ...application, iss, tid: OTHER })).toMatchObject({
        tenantId: OTHER,
      });
    });

    it('of a person counts by its scopes: the roles in it are what the person may do elsewhere', async () => {
      const token = await issuer.sign(timely({ ...v2, scp: 'openid', roles: [ROLE] }));
      expect((await ask(token)).statusCode).toBe(403);
    });
  });

  describe('a token that is refused', () => {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const good = { ...v2, ...application };
    const seconds = (offset: number) => Math.floor(Date.now() / 1000) + offset;
    const signed = (changes: JWTPayload, header?: { kid?: string }) => () =>
      issuer.sign(timely({ ...good, ...changes }), header);
    const hmac = () => {
      const content = [{ alg: 'HS256', kid: 'first' }, timely(good)]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.');
      const secret = issuer.publicKey.export({ type: 'spki', format: 'pem' });
      return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
    };
    const withOwnKey = async () =>
      new SignJWT(timely(good))
        .setProtectedHeader({
          alg: 'RS256',
          kid: 'first',
          jwk: await exportJWK(stranger.publicKey),
          jku: 'https://evil.example.com/keys',
        })
        .sign(stranger.privateKey);

    it.each<[string, () => string | Promise<string>]>([
      ['without a signature (alg none)', () => new UnsecuredJWT(timely(good)).encode()],
      ['signed with the public key as an HMAC secret', hmac],
      ['that brings its own key', withOwnKey],
      ['of another issuer', signed({ iss: 'https://evil.example.com/' })],
      ['of another cloud', signed({ iss: `https://login.microsoftonline.us/${TENANT}/v2.0` })],
      ['whose tenant does not fit its issuer', signed({ tid: OTHER })],
      ['whose issuer is the template itself', signed({ iss: V2 })],
      ['of version 1 whose tenant does not fit its issuer', signed({ ...v1, tid: OTHER })],
      ['for another audience', signed({ aud: 'https://vault.azure.net' })],
      ['that has expired', signed({ exp: seconds(-61) })],
      ['that is not valid yet', signed({ nbf: seconds(61) })],
      ['that never expires', signed({ exp: undefined })],
      ['whose expiry is no number', signed({ exp: 'never' as unknown as number })],
      ['without a tenant', signed({ tid: undefined })],
      ['without an issuer', signed({ iss: undefined })],
      ['without an application (an ID token)', signed({ azp: undefined })],
      ['whose roles are a text', signed({ roles: ROLE })],
      ['whose scopes are a list', signed({ scp: [ROLE] })],
      ['of an unknown key', signed({}, { kid: 'unheard-of' })],
      ['that is oversized', signed({ groups: 'x'.repeat(20_000) })],
      ['that is garbage', () => 'garbage'],
      ['that is a long garbage', () => `${'x'.repeat(100_000)}.y.z`],
    ])('%s', async (_name, make) => {
      const answer = await ask(await make());
      const { error } = answer.json<ErrorEnvelope>();
      expect([answer.statusCode, error.code]).toEqual([401, 'InvalidAuthenticationToken']);
      expect(error.innerError['request-id']).toBe(answer.headers['request-id']);
      expect(answer.headers['content-type']).toBe(GRAPH_JSON);
      expect(answer.headers['www-authenticate']).toBe(
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/v2.0"',
      );
    });

    it('costs the issuer next to nothing, however many come', async () => {
      const before = issuer.reads();
      const tokens = Array.from({ length: 50 }, (_, index) => signed({}, { kid: `k${index}` })());
      const answers = await Promise.all(tokens.map(async (token) => ask(await token)));
      expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([401]));
      expect(issuer.reads() - before).toBeLessThanOrEqual(1);
    });
  });

  it('takes a new key of the issuer without a restart', async () => {
    const nowMs = performance.now();
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      // The faked clock begins at 0, which is before the keys were read.
      vi.advanceTimersByTime(nowMs + 10_000);
      issuer.rotate('second');
      expect(await who({ ...v2, ...application })).toMatchObject({ appId: APP });
    } finally {
      vi.useRealTimers();
    }
  });
});
