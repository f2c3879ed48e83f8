import { randomFillSync } from 'node:crypto';

/** Drawn so many at a time: each draw is a call into the system, dearer than all else that an id takes. */
const POOL = Buffer.alloc(4096);
let used = POOL.length;

/** Fresh random bytes for ids, fewer than the pool has; not for secrets, as they stay in memory. */
export function randomBytes(count: number): Buffer {
  if (used + count > POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += count;
  return POOL.subarray(used - count, used);
}
