import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { IssuerKeys } from './issuer-keys.ts';
import { startTokenIssuer, type TokenIssuer } from './issuer.fixture.ts';

/** Longer than the pause between two readings. */
const LATER_MS = 5000;

describe('IssuerKeys', () => {
  let issuer: TokenIssuer;

  beforeAll(async () => {
    issuer = await startTokenIssuer();
  });
  afterEach(() => void vi.restoreAllMocks());
  afterAll(() => issuer.stop());

  it('are of another moment only once they serve, so that nothing is judged by the old ones as if it were by the new', async () => {
    const keys = new IssuerKeys(issuer.jwksUri);
    await keys.renewedSince(0);
    const before = keys.asOfMs;
    await expect.poll(() => Date.now()).toBeGreaterThan(before);
    const read = Promise.withResolvers<void>();
    const serving = Promise.withResolvers<void>();
    const real = fetch;
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, options) => {
      const response = await real(url, options);
      const json = response.json.bind(response);
      const later = async () => {
        read.resolve();
        await serving.promise;
        return json();
      };
      // Only jose reads it: others read a copy.
      return Object.assign(response, { json: later });
    });
    const now = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => now + LATER_MS);
    const renewed = keys.renewedSince(before);
    await read.promise;
    expect(keys.asOfMs).toBe(before);
    serving.resolve();
    expect(await renewed).toBe(true);
    expect(keys.asOfMs).toBeGreaterThan(before);
  });
});
