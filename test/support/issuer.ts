import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { mintToken, type TokenRequest } from '../../dev/token.ts';

const ALGORITHM = 'ES256';
const AUDIENCE = 'https://graph.microsoft.com';

/** A token issuer of the test's own. */
export interface Issuer {
  issuer: string;
  jwksUri: string;
  /** A token for an application that may read and write, unless something else is asked for. */
  token(request?: Partial<TokenRequest>): Promise<string>;
  /** Goes away; once is enough, more does no harm. */
  stop(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const kid = randomUUID();
  const keys = [{ ...(await exportJWK(publicKey)), kid, alg: ALGORITHM, use: 'sig' }];
  const signingKey = { ...(await exportJWK(privateKey)), kid, alg: ALGORITHM };
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    token: (request) =>
      mintToken(signingKey, {
        issuer,
        audience: AUDIENCE,
        tenant: 'tenant-a',
        app: 'app-1',
        roles: ['SecurityActions.ReadWrite.All'],
        expiresInSeconds: 3600,
        ...request,
      }),
    stop: async () => {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
