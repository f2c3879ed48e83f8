import { importJWK, type JWTPayload, SignJWT } from 'jose';
import type { SigningKey } from './stack/signing-key.ts';

/** What a token shall say. */
export interface TokenRequest {
  /** `{tenantid}` in it stands for the tenant, as in AUTH_ISSUER. */
  issuer: string;
  audience: string;
  tenant: string;
  app: string;
  roles: string[];
  /** Makes it a delegated token: the roles become scopes, and this is the user's principal name. */
  user?: string;
  /** Negative: it has expired that long ago. */
  expiresInSeconds: number;
}

export const TENANT_DEFAULT = '11111111-1111-4111-8111-111111111111';
export const APP_DEFAULT = '22222222-2222-4222-8222-222222222222';
export const ROLE_DEFAULT = 'SecurityActions.ReadWrite.All';
const LIFETIME_SECONDS = 3600;

/** Signs a token of the dev issuer with the claims Entra ID v2 gives. */
export async function mintToken(key: SigningKey, request: TokenRequest): Promise<string> {
  return new SignJWT(tokenClaims(request, Math.floor(Date.now() / 1000)))
    .setProtectedHeader({ alg: key.alg, typ: 'JWT', kid: key.kid })
    .sign(await importJWK(key, key.alg));
}

/** The claims, with times in seconds since 1970. */
export function tokenClaims(request: TokenRequest, nowSeconds: number): JWTPayload {
  const { issuer, audience, tenant, app, user, roles, expiresInSeconds } = request;
  const expires = nowSeconds + expiresInSeconds;
  // One that has expired was valid before: the reason it is refused shall be that and no other.
  const issued = expiresInSeconds < 0 ? expires - LIFETIME_SECONDS : nowSeconds;
  const who =
    user === undefined ? { roles } : { scp: roles.join(' '), upn: user, preferred_username: user };
  return {
    iss: issuer.replaceAll('{tenantid}', tenant),
    aud: audience,
    tid: tenant,
    azp: app,
    appid: app,
    sub: user ?? app,
    oid: user ?? app,
    ver: '2.0',
    ...who,
    iat: issued,
    nbf: issued,
    exp: expires,
  };
}
