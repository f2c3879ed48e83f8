import { list, milliseconds, text } from './kinds.ts';

/** Whose tokens are taken, and what their tenants may. */
export const auth = {
  AUTH_ISSUER: list
    .default(['http://localhost:8089'])
    .describe(
      'The `iss` a token must carry, or several, separated by commas. {tenantid} stands for its `tid`.',
    ),
  AUTH_AUDIENCE: list
    .default(['https://graph.microsoft.com'])
    .describe('The `aud` a token must carry, or several, separated by commas.'),
  AUTH_JWKS_URI: text
    .default('http://localhost:8089/jwks')
    .describe('Where the public keys of the issuer are read.'),
  UNKNOWN_KEY_WAIT_MS: milliseconds
    .default(60_000)
    .describe(
      'How long a partition of `requests` or `reports` waits for an issuer that is away when a token names a key that is not known yet, or for a key that cannot be used; from then on, until the issuer has mended that, such messages are dead letters. Longer than an issuer takes to restart: a key may be new.',
    ),
  OPERATOR_TENANTS: list
    .optional()
    .describe(
      'Tenants whose operators (SecurityActions.Operate.All) act on every tenant, separated by commas; others act on their own.',
    ),
};
