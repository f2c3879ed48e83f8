import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWK, type JWTPayload, SignJWT } from 'jose';

/** An issuer of tokens as Entra ID makes them, whose keys can be counted and changed. */
export interface TokenIssuer {
  jwksUri: string;
  /** How often the keys were read. */
  reads(): number;
  /** The only key from now on. */
  rotate(kid: string): void;
  /** A key beside it, as it is published: another of the same id replaces it. */
  publish(key: JWK & { kid: string }): void;
  publicKey: KeyObject;
  sign(claims: JWTPayload, header?: { kid?: string; alg?: string }): Promise<string>;
  stop(): Promise<void>;
}

export const AUDIENCE = 'https://graph.microsoft.com';

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...(await exportJWK(publicKey)), use: 'sig' };
  let kid = 'first';
  const others = new Map<string, JWK>();
  let reads = 0;
  const server = createServer((_request, response) => {
    reads += 1;
    response.end(JSON.stringify({ keys: [{ ...jwk, kid }, ...others.values()] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    jwksUri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    reads: () => reads,
    rotate: (next) => (kid = next),
    publish: (key) => others.set(key.kid, key),
    publicKey,
    sign: (claims, header) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, ...header }).sign(privateKey),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The common claims of a token, an hour long. */
export function timely(claims: JWTPayload): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return { aud: AUDIENCE, iat: now, nbf: now, exp: now + 3600, ...claims };
}
