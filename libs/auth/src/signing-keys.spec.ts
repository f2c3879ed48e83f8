import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { ALGORITHMS, keyStates } from './signing-keys.ts';

describe('the keys of an issuer', () => {
  const published = async (alg: string): Promise<JWK> =>
    exportJWK((await generateKeyPair(alg, { extractable: true })).publicKey);

  it.each(ALGORITHMS)('can be used for %s, whether they name it or not', async (alg) => {
    const key = await published(alg);
    const keys = [key, { ...key, alg, use: 'sig', kid: 'k' }];
    expect(await keyStates({ keys })).toEqual(['usable', 'usable']);
  });

  it('are told apart from what is broken and from what is for something else', async () => {
    const key = await published('RS256');
    const keys = [
      { ...key, n: '' },
      { ...key, use: 'enc' },
      { ...key, alg: 'RSA-OAEP' },
      { kty: 'oct', k: 'c2VjcmV0' },
      key,
      {},
    ];
    const states = await keyStates({ keys });
    expect(states).toEqual(['broken', 'other', 'other', 'other', 'usable', 'other']);
  });

  it.each([null, [], {}, { keys: {} }, { keys: [null] }])('are not in %j', (answer) => {
    expect(() => keyStates(answer)).toThrow('malformed');
  });
});
