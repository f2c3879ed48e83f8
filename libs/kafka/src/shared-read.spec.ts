import { describe, expect, it } from 'vitest';
import { SharedRead } from './shared-read.ts';

/** Reads that end when told to; each gives its number. */
function controlledReads(spacingMs?: number) {
  const reads: PromiseWithResolvers<number>[] = [];
  const shared = new SharedRead(() => {
    reads.push(Promise.withResolvers());
    return reads.at(-1)!.promise;
  }, spacingMs);
  return { reads, shared };
}

describe('SharedRead', () => {
  it('never answers with a read that began before the question', async () => {
    const { reads, shared } = controlledReads();
    const first = shared.fresh();
    const second = shared.fresh();
    reads[0]!.resolve(1);
    expect(await first).toBe(1);
    await expect.poll(() => reads.length).toBe(2);
    reads[1]!.resolve(2);
    expect(await second).toBe(2);
  });

  it('serves all who came during one read with one more', async () => {
    const { reads, shared } = controlledReads();
    const first = shared.fresh();
    const others = Array.from({ length: 100 }, () => shared.fresh());
    reads[0]!.resolve(1);
    await first;
    await expect.poll(() => reads.length).toBe(2);
    reads[1]!.resolve(2);
    expect(new Set(await Promise.all(others))).toEqual(new Set([2]));
    expect(reads.length).toBe(2);
  });

  it('reads again after a failure', async () => {
    const { reads, shared } = controlledReads();
    const first = shared.fresh();
    const second = shared.fresh();
    reads[0]!.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await expect.poll(() => reads.length).toBe(2);
    reads[1]!.resolve(2);
    expect(await second).toBe(2);
  });

  it('with a spacing has all who ask in one turn share a read, and whoever comes later wait for the next', async () => {
    const { reads, shared } = controlledReads(30);
    const askedAt = performance.now();
    const first = [shared.fresh(), shared.fresh()];
    await expect.poll(() => reads.length).toBe(1);
    reads[0]!.resolve(1);
    expect(await Promise.all(first)).toEqual([1, 1]);
    const second = shared.fresh();
    await expect.poll(() => reads.length).toBe(2);
    expect(performance.now() - askedAt).toBeGreaterThanOrEqual(29);
    reads[1]!.resolve(2);
    expect(await second).toBe(2);
  });
});
