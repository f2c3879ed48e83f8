import { errors, jwtVerify, type JWTPayload } from 'jose';
import type { Settings } from '#config/settings';
import { IssuerKeys } from './issuer-keys.ts';
import { ALGORITHMS } from './signing-keys.ts';
import { invalidToken, readClaims, type Verified } from './token-claims.ts';
import { VerifiedTokens } from './verified-tokens.ts';

const CLOCK_TOLERANCE_SECONDS = 30;

/** Turns a bearer token into who is calling. Knows Entra ID's claims, version 1 and 2. */
export class TokenVerifier {
  readonly #settings: Settings;
  readonly #keys: IssuerKeys;
  readonly #verified = new VerifiedTokens<Verified>();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#keys = new IssuerKeys(settings.AUTH_JWKS_URI);
  }

  /**
   * What is known of the token without any work: most requests carry one that was verified before.
   * @param at when it must be valid
   */
  recall(token: string, at = new Date()): Verified | undefined {
    return this.#verified.find(token, at.getTime());
  }

  /**
   * @param at when it must be valid: now, or when a message with it was appended to a log that is read later
   * @throws ApiError InvalidAuthenticationToken, which never repeats the token; KeysUnavailable, an ApiError too, when the
   * keys of the issuer cannot be had
   */
  async verify(token: string, at = new Date()): Promise<Verified> {
    const payload = await this.#payloadOf(token, at);
    const verified = readClaims(payload, this.#settings.AUTH_ISSUER);
    this.#verified.remember(token, verified, {
      fromMs: payload.nbf === undefined ? 0 : (payload.nbf - CLOCK_TOLERANCE_SECONDS) * 1000,
      untilMs: (payload.exp! + CLOCK_TOLERANCE_SECONDS) * 1000,
    });
    return verified;
  }

  async #payloadOf(token: string, at: Date): Promise<JWTPayload> {
    try {
      return await this.#check(token, at);
    } catch (error) {
      throw error instanceof errors.JOSEError ? invalidToken(whatIsWrong(error)) : error;
    }
  }

  async #check(token: string, at: Date): Promise<JWTPayload> {
    const { asOfMs } = this.#keys;
    try {
      return await this.#checkOnce(token, at);
    } catch (error) {
      // The issuer may have put another key under the id of a known one.
      const isWrong = error instanceof errors.JWSSignatureVerificationFailed;
      if (!isWrong || !(await this.#keys.renewedSince(asOfMs))) throw error;
    }
    return await this.#checkOnce(token, at);
  }

  async #checkOnce(token: string, at: Date): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, this.#keys.find, {
      algorithms: ALGORITHMS,
      audience: this.#settings.AUTH_AUDIENCE,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: at,
      // Which issuer is right depends on the tenant, so `readClaims` decides.
      requiredClaims: ['exp', 'iss', 'tid'],
    });
    return payload;
  }
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
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return 'Access token validation failure. The signing algorithm is not allowed.';
  }
  return 'Access token is malformed.';
}
