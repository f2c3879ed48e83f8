import { invalidToken } from './token-claims.ts';

/** Twice what Entra ID makes; a longer one would only cost the time to verify it. */
const TOKEN_LENGTH_MAX = 12 * 1024;
const BEARER = /^bearer +(\S+) *$/i;

/**
 * The token of an Authorization header, of a request or of a message.
 * @throws ApiError InvalidAuthenticationToken, which never repeats the header
 */
export function bearerToken(header: string | undefined): string {
  if (header === undefined || /^bearer *$/i.test(header)) {
    throw invalidToken('Access token is empty.');
  }
  const token = BEARER.exec(header)?.[1];
  if (token === undefined) throw invalidToken('The Authorization header must be: Bearer <token>.');
  if (token.length > TOKEN_LENGTH_MAX) {
    throw invalidToken(`Access token is longer than ${TOKEN_LENGTH_MAX} characters.`);
  }
  return token;
}
