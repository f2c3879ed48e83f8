import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import { signingKey } from './stack/signing-key.ts';
import { mintToken, tokenClaims } from './token.ts';

const request = {
  issuer: 'http://localhost:8089',
  audience: 'https://graph.microsoft.com',
  tenant: 'tenant-a',
  app: 'app-1',
  roles: ['SecurityActions.Read.All', 'SecurityActions.ReadWrite.All'],
  expiresInSeconds: 3600,
};

describe('tokenClaims', () => {
  it('carries roles for an application', () => {
    expect(tokenClaims(request, 1000)).toMatchObject({
      iss: request.issuer,
      aud: request.audience,
      tid: 'tenant-a',
      azp: 'app-1',
      appid: 'app-1',
      roles: request.roles,
      iat: 1000,
      nbf: 1000,
      exp: 4600,
    });
  });

  it('is of the issuer for its tenant', () => {
    const issuer = 'https://issuer.example.com/{tenantid}/v2.0';
    expect(tokenClaims({ ...request, issuer }, 1000)).toMatchObject({
      iss: 'https://issuer.example.com/tenant-a/v2.0',
    });
  });

  it('carries scopes and the user, and no roles, for a delegated token', () => {
    const claims = tokenClaims({ ...request, user: 'ann@example.org' }, 1000);
    expect(claims).toMatchObject({ scp: request.roles.join(' '), upn: 'ann@example.org' });
    expect(claims).not.toHaveProperty('roles');
  });

  it('was valid before it expired', () => {
    const claims = tokenClaims({ ...request, expiresInSeconds: -3600 }, 10_000);
    expect(claims).toMatchObject({ iat: 2800, nbf: 2800, exp: 6400 });
  });
});

describe('mintToken', () => {
  const directory = mkdtempSync(join(tmpdir(), 'token-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  it('signs with a key that is kept, and that only its owner can read', async () => {
    const [key, same] = await Promise.all([signingKey(directory), signingKey(directory)]);
    expect(same.kid).toBe(key.kid);
    expect(statSync(join(directory, 'issuer/signing-key.json')).mode & 0o777).toBe(0o600);
    const keys = createLocalJWKSet({ keys: [{ ...key, d: undefined }] });
    const { payload } = await jwtVerify(await mintToken(key, request), keys);
    expect(payload['tid']).toBe('tenant-a');
  });
});
