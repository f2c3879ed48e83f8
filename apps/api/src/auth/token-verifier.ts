import { errors, jwtVerify, type JWTPayload } from 'jose';
import { z } from 'zod';
import type { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import type { Role } from './access.ts';
import { IssuerKeys, KeysUnavailable } from './issuer-keys.ts';
import { VerifiedTokens } from './verified-tokens.ts';

/** Public-key signatures only: with HMAC or `none` anybody who knows the public key could sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const CLOCK_TOLERANCE_SECONDS = 30;
const KEYS_RETRY_AFTER_SECONDS = 2;

const ROLES: Record<string, Role[]> = {
  'SecurityActions.Read.All': ['read'],
  'SecurityActions.ReadWrite.All': ['read', 'write'],
};

/** Who holds a token, and what it allows. */
export interface Verified {
  caller: Caller;
  roles: ReadonlySet<Role>;
}

/** An id or a name: stored, and part of every key, so that neither blanks nor control characters fit. */
const identifier = z.string().regex(/^[\x21-\x7e]{1,255}$/);
const claimsSchema = z.object({
  tid: identifier,
  azp: identifier.optional(),
  appid: identifier.optional(),
  upn: z.string().max(255).optional(),
  preferred_username: z.string().max(255).optional(),
  roles: z.array(z.string()).optional(),
  scp: z.string().optional(),
});

/** Turns a bearer token into who is calling. Knows Entra ID's claims, version 1 and 2. */
export class TokenVerifier {
  readonly #settings: Settings;
  readonly #keys: IssuerKeys;
  readonly #verified = new VerifiedTokens<Verified>();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#keys = new IssuerKeys(settings.AUTH_JWKS_URI);
  }

  /** What is known of the token without any work: most requests carry one that was verified before. */
  recall(token: string): Verified | undefined {
    return this.#verified.find(token);
  }

  /** @throws ApiError InvalidAuthenticationToken, which never repeats the token, or serviceNotAvailable. */
  async verify(token: string): Promise<Verified> {
    const payload = await this.#payloadOf(token);
    const verified = readClaims(payload);
    const expiresAtMs = (payload.exp! + CLOCK_TOLERANCE_SECONDS) * 1000;
    this.#verified.remember(token, verified, expiresAtMs);
    return verified;
  }

  async #payloadOf(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, this.#keys.find, {
        algorithms: ALGORITHMS,
        issuer: this.#settings.AUTH_ISSUER,
        audience: this.#settings.AUTH_AUDIENCE,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'tid'],
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw invalidToken(whatIsWrong(error));
      if (!(error instanceof KeysUnavailable)) throw error;
      throw new ApiError('serviceNotAvailable', error.message, {
        retryAfterSeconds: KEYS_RETRY_AFTER_SECONDS,
      });
    }
  }
}

export function invalidToken(message: string): ApiError {
  return new ApiError('InvalidAuthenticationToken', message);
}

function readClaims(payload: JWTPayload): Verified {
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) {
    const name = parsed.error.issues[0]?.path[0];
    throw invalidToken(
      `Access token validation failure. The claim '${String(name)}' is not valid.`,
    );
  }
  const { tid, azp, appid, upn, preferred_username, roles = [], scp } = parsed.data;
  const appId = azp ?? appid;
  if (appId === undefined) {
    throw invalidToken("Access token validation failure. The claim 'azp' or 'appid' is missing.");
  }
  // Only a delegated token has scopes, and only such a one speaks for a person.
  const user = scp === undefined ? null : (upn ?? preferred_username ?? null);
  const granted = [...roles, ...(scp?.split(' ') ?? [])];
  return {
    caller: { tenantId: tid, appId, user },
    roles: new Set(granted.flatMap((name) => (Object.hasOwn(ROLES, name) ? ROLES[name]! : []))),
  };
}

function whatIsWrong(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) {
    return 'Lifetime validation failed, the token is expired.';
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf') return 'Lifetime validation failed, the token is not valid yet.';
    const fault = error.reason === 'missing' ? 'is missing' : 'is not valid';
    return `Access token validation failure. The claim '${error.claim}' ${fault}.`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return 'Access token validation failure. Invalid signature.';
  }
  if (error instanceof errors.JWKSNoMatchingKey) {
    return 'Access token validation failure. The signing key is not one of the issuer.';
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return 'Access token validation failure. The signing algorithm is not allowed.';
  }
  return 'Access token is malformed.';
}
