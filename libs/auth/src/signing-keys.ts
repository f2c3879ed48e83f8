import { createLocalJWKSet, type CryptoKey, errors, type JSONWebKeySet, type JWK } from 'jose';

/** Public-key signatures only: with HMAC or `none` anybody who knows the public key could sign. */
export const ALGORITHMS = [
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
/** jose demands it as well, but only once it checks a signature, and then as a fault of ours. */
const MODULUS_BITS_MIN = 2048;

/** `other`: not for signatures, or for algorithms that are not taken here. */
export type KeyState = 'usable' | 'broken' | 'other';

/** The issuer publishes the key, and yet no signature can be checked with it: a part is missing, rubbish or cut short. */
export class BrokenKey extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BrokenKey';
  }
}

/** The key, if it can be used. @throws BrokenKey, or jose's error when there is no such key */
export async function usableKey(found: Promise<CryptoKey>): Promise<CryptoKey> {
  const key = await found.catch((error: unknown) => {
    const isMissing = error instanceof errors.JOSEError && !(error instanceof errors.JWKSInvalid);
    throw isMissing ? error : new BrokenKey('The key cannot be read.', { cause: error });
  });
  // Rubbish is read as a modulus that is too short, down to none.
  const { modulusLength } = key.algorithm as { modulusLength?: number };
  if (modulusLength !== undefined && modulusLength < MODULUS_BITS_MIN) {
    throw new BrokenKey(`The modulus of the key has ${modulusLength} bits.`);
  }
  return key;
}

/** What each key of an issuer's answer is good for. @throws jose's error when the answer is no set of keys */
export function keyStates(answer: unknown): Promise<KeyState[]> {
  const { keys } = createLocalJWKSet(answer as JSONWebKeySet).jwks();
  return Promise.all(keys.map(stateOf));
}

async function stateOf(key: JWK): Promise<KeyState> {
  const find = createLocalJWKSet({ keys: [key] });
  for (const alg of ALGORITHMS) {
    try {
      await usableKey(find({ alg }));
      return 'usable';
    } catch (error) {
      if (error instanceof BrokenKey) return 'broken';
    }
  }
  return 'other';
}
