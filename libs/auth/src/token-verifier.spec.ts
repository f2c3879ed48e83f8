import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { exportJWK, type JWK, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import type { KeysUnavailable } from './issuer-keys.ts';
import { TokenVerifier } from './token-verifier.ts';

const MINUTE_MS = 60_000;
const UNAVAILABLE = { code: 'serviceNotAvailable', retryAfterSeconds: 2 };
const UNKNOWN_KEY = { code: 'InvalidAuthenticationToken' };
const FORGED = { message: 'Access token validation failure. Invalid signature.' };
/** What a proxy says, or an issuer that is starting: keys, none of which checks a signature. */
const USELESS = {
  'publishes no keys': [],
  'publishes keys for encryption only': [
    { kty: 'RSA', use: 'enc', kid: 'old', n: 'AQAB', e: 'AQAB' },
  ],
  'publishes a key without its parts': [{ kty: 'EC', crv: 'P-256', kid: 'old' }],
  'publishes empty objects': [{}],
};
type Useless = keyof typeof USELESS;
const useless = Object.keys(USELESS) as Useless[];

/** An issuer that can rotate its keys, fail and hang, and a clock that can be moved. */
describe('verifying tokens while the issuer changes', () => {
  const old = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const fresh = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let published: Record<string, KeyPairKeyObjectResult>;
  /** What is wrong with the published key of this id. */
  let faults: Record<string, JWK>;
  let mode: 'works' | 'fails' | 'hangs' | 'talks nonsense' | Useless;
  let reads: number;
  const issuer = createServer((_request, response) => {
    reads += 1;
    if (mode === 'hangs') return;
    if (mode === 'fails') response.statusCode = 500;
    if (mode === 'talks nonsense') response.end('<html>');
    else
      answerKeys().then(
        (keys) => response.end(keys),
        () => response.destroy(),
      );
  });
  let uri: string;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    published = { old };
    faults = {};
    mode = 'works';
    reads = 0;
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    uri = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`;
  });
  afterEach(async () => {
    vi.useRealTimers();
    issuer.closeAllConnections();
    await new Promise((resolve) => issuer.close(resolve));
  });

  const answerKeys = async () => {
    if (mode in USELESS) return JSON.stringify({ keys: USELESS[mode as Useless] });
    const keys = Object.entries(published).map(async ([kid, pair]) => ({
      ...(await exportJWK(pair.publicKey)),
      kid,
      ...faults[kid],
    }));
    return JSON.stringify({ keys: await Promise.all(keys) });
  };
  const settings = (keys = uri) =>
    loadSettings({ AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a', AUTH_JWKS_URI: keys });
  let serial = 0;
  /** Each one differs, so that none is remembered, unless it is used twice. */
  const token = (pair = old, kid = 'old', seconds = 100_000) =>
    new SignJWT({ tid: 't', azp: 'app', jti: `${serial++}` })
      .setProtectedHeader({ alg: pair === rsa ? 'RS256' : 'ES256', kid })
      .setIssuer('i')
      .setAudience('a')
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
      .sign(pair.privateKey);

  it('reads the keys once for many tokens', async () => {
    const verifier = new TokenVerifier(settings());
    const tokens = await Promise.all(Array.from({ length: 20 }, () => token()));
    await Promise.all(tokens.map((each) => verifier.verify(each)));
    expect(reads).toBe(1);
  });

  it('takes a new key as soon as a token names it', async () => {
    const verifier = new TokenVerifier(settings());
    await verifier.verify(await token());
    published = { old, fresh };
    vi.advanceTimersByTime(10_000);
    await expect(verifier.verify(await token(fresh, 'fresh'))).resolves.toBeDefined();
    expect(reads).toBe(2);
  });

  it('does not ask the issuer for every invented key id', async () => {
    const verifier = new TokenVerifier(settings());
    await verifier.verify(await token());
    for (let i = 0; i < 10; i++) {
      const invented = verifier.verify(await token(fresh, `invented-${i}`));
      await expect(invented).rejects.toMatchObject(UNKNOWN_KEY);
    }
    expect(reads).toBe(1);
  });

  it('drops a withdrawn key within about ten minutes', async () => {
    const verifier = new TokenVerifier(settings());
    await verifier.verify(await token());
    published = { fresh };
    vi.advanceTimersByTime(11 * MINUTE_MS);
    await verifier.verify(await token());
    await vi.waitFor(async () => {
      await expect(verifier.verify(await token())).rejects.toMatchObject(UNKNOWN_KEY);
    });
  });

  it.each(['fails', 'hangs', 'talks nonsense', ...useless] as const)(
    'answers 503, not 401, when the issuer %s and no key is known',
    async (how) => {
      mode = how;
      const verifier = new TokenVerifier(settings());
      await expect(verifier.verify(await token())).rejects.toMatchObject(UNAVAILABLE);
      mode = 'works';
      vi.advanceTimersByTime(2000);
      await expect(verifier.verify(await token())).resolves.toBeDefined();
    },
  );

  it('answers 503 when the issuer cannot be reached at all', async () => {
    const verifier = new TokenVerifier(settings('http://127.0.0.1:1/'));
    await expect(verifier.verify(await token())).rejects.toMatchObject(UNAVAILABLE);
  });

  it('spares an issuer that fails', async () => {
    mode = 'fails';
    const verifier = new TokenVerifier(settings());
    for (let i = 0; i < 10; i++) {
      await expect(verifier.verify(await token())).rejects.toMatchObject(UNAVAILABLE);
    }
    expect(reads).toBe(1);
  });

  it('goes on with the keys it has while the issuer is away, for a day', async () => {
    const verifier = new TokenVerifier(settings());
    await verifier.verify(await token());
    mode = 'fails';
    vi.advanceTimersByTime(12 * 60 * MINUTE_MS);
    await expect(verifier.verify(await token())).resolves.toBeDefined();
    vi.advanceTimersByTime(13 * 60 * MINUTE_MS);
    await expect(verifier.verify(await token())).rejects.toMatchObject(UNAVAILABLE);
  });

  it.each(useless)('goes on with the keys it has when the issuer %s', async (how) => {
    const verifier = new TokenVerifier(settings());
    await verifier.verify(await token());
    mode = how;
    vi.advanceTimersByTime(10_000);
    const unknown = verifier.verify(await token(fresh, 'fresh'));
    await expect(unknown).rejects.toMatchObject(UNAVAILABLE);
    await expect(verifier.verify(await token())).resolves.toBeDefined();
    mode = 'works';
    published = { old, fresh };
    vi.advanceTimersByTime(2000);
    await expect(verifier.verify(await token(fresh, 'fresh'))).resolves.toBeDefined();
  });

  it.each<[string, JWK]>([
    ['has no modulus', { n: undefined }],
    ['has a modulus of rubbish', { n: '!!!' }],
    ['has no exponent', { e: undefined }],
    ['is cut short', { n: rsa.publicKey.export({ format: 'jwk' }).n!.slice(0, 100) }],
    ['is a private one', rsa.privateKey.export({ format: 'jwk' })],
  ])(
    'answers 503 for a key that %s, and reads it again after five seconds',
    async (_name, fault) => {
      published = { old, rsa };
      faults = { rsa: fault };
      const verifier = new TokenVerifier(settings());
      for (let i = 0; i < 10; i++) {
        await expect(verifier.verify(await token(rsa, 'rsa'))).rejects.toMatchObject(UNAVAILABLE);
      }
      await expect(verifier.verify(await token())).resolves.toBeDefined();
      expect(reads).toBe(1);
      faults = {};
      vi.advanceTimersByTime(5000);
      await expect(verifier.verify(await token(rsa, 'rsa'))).resolves.toBeDefined();
      expect(reads).toBe(2);
    },
  );

  it('says for how long a key could not be used, over all readings, until all of them can be', async () => {
    published = { old, fresh };
    faults = { fresh: { x: undefined } };
    const verifier = new TokenVerifier(settings());
    const unknownForMs = async () => {
      const error: unknown = await verifier
        .verify(await token(fresh, 'fresh'))
        .catch((caught: unknown) => caught);
      return (error as KeysUnavailable).unknownForMs;
    };
    expect(await unknownForMs()).toBe(0);
    vi.advanceTimersByTime(7000);
    expect(await unknownForMs()).toBe(7000);
    expect(reads).toBe(2);
    faults = {};
    vi.advanceTimersByTime(7000);
    expect(await unknownForMs()).toBeUndefined();
    faults = { fresh: { x: undefined } };
    vi.advanceTimersByTime(11 * MINUTE_MS);
    await vi.waitFor(async () => expect(await unknownForMs()).toBe(0));
  });

  it('takes another key under a known id as soon as a token is signed with it', async () => {
    const verifier = new TokenVerifier(settings());
    await verifier.verify(await token());
    published = { old: fresh };
    vi.advanceTimersByTime(5000);
    const tokens = await Promise.all(Array.from({ length: 5 }, () => token(fresh, 'old')));
    await Promise.all(tokens.map((each) => verifier.verify(each)));
    await expect(verifier.verify(await token())).rejects.toMatchObject(FORGED);
    expect(reads).toBe(2);
  });

  it('asks the issuer once in five seconds at most, however many signatures are forged', async () => {
    const verifier = new TokenVerifier(settings());
    await verifier.verify(await token());
    const forgedOnes = async () => {
      const tokens = await Promise.all(Array.from({ length: 20 }, () => token(fresh, 'old')));
      for (const outcome of await Promise.allSettled(tokens.map((each) => verifier.verify(each)))) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: FORGED });
      }
    };
    await forgedOnes();
    expect(reads).toBe(1);
    vi.advanceTimersByTime(5000);
    await forgedOnes();
    await forgedOnes();
    expect(reads).toBe(2);
  });

  it('refuses a forged signature while the issuer is away, and asks it no more often for that', async () => {
    const verifier = new TokenVerifier(settings());
    await verifier.verify(await token());
    mode = 'fails';
    for (let second = 0; second < 10; second++) {
      await expect(verifier.verify(await token(fresh, 'old'))).rejects.toMatchObject(FORGED);
      vi.advanceTimersByTime(1000);
    }
    // One after five seconds; the next would be after ten.
    expect(reads).toBe(2);
  });

  it('remembers a verified token, but no longer than five minutes or until it expires', async () => {
    const verifier = new TokenVerifier(settings());
    const long = await token();
    const short = await token(old, 'old', 60);
    expect(verifier.recall(long)).toBeUndefined();
    const verified = await verifier.verify(long);
    await verifier.verify(short);
    expect(verifier.recall(long)).toBe(verified);
    vi.advanceTimersByTime(89_000);
    expect(verifier.recall(short)).toBeDefined();
    vi.advanceTimersByTime(2000);
    expect(verifier.recall(short)).toBeUndefined();
    vi.advanceTimersByTime(5 * MINUTE_MS);
    expect(verifier.recall(long)).toBeUndefined();
  });

  it('never remembers a token that was refused', async () => {
    const verifier = new TokenVerifier(settings());
    const bad = await token(fresh, 'old');
    await expect(verifier.verify(bad)).rejects.toMatchObject(UNKNOWN_KEY);
    expect(verifier.recall(bad)).toBeUndefined();
  });

  it('judges a token by the moment it is asked about, not by the moment of asking', async () => {
    const verifier = new TokenVerifier(settings());
    const short = await token(old, 'old', 60);
    const appended = new Date();
    vi.advanceTimersByTime(60 * MINUTE_MS);
    await expect(verifier.verify(short)).rejects.toMatchObject({
      message: 'Lifetime validation failed, the token is expired.',
    });
    const verified = await verifier.verify(short, appended);
    expect(verified.caller.appId).toBe('app');
    expect(verifier.recall(short, appended)).toBe(verified);
    // What was remembered for then must not open a door now.
    expect(verifier.recall(short)).toBeUndefined();
    await expect(verifier.verify(short)).rejects.toMatchObject(UNKNOWN_KEY);
  });
});
