import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, PUBLISHED_SAMPLE } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';
import { System } from '../support/system.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** As large as it gets within BODY_BYTES_MAX: gzip makes a thousandth of it. */
const INFLATED_BYTES = 60 * MIB;
const WIDTH = 8;
/** Heaps grow by some MiB with anything; of the bodies, of which WIDTH come at once, not one may be there inflated. */
const GROWTH_BYTES_MAX = INFLATED_BYTES;

const GZIP = { 'content-encoding': 'gzip' };
/** How many bytes each takes by default, and how many requests get it. */
const ROUTES = [
  { path: 'beta/security/securityActions', limit: 64 * KIB, requests: 200 },
  { path: 'beta/$batch', limit: 1024 * KIB, requests: 40 },
];

/** A create like any other, but for its reason. */
const gzipped = (actionReason: string) =>
  gzipSync(JSON.stringify({ ...PUBLISHED_SAMPLE, actionReason }));

/** The most memory that a process has had so far. */
function peakBytes(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kib) * KIB;
}

describe.runIf(process.platform === 'linux')('a gzip bomb', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start();
    client = await system.client();
  });
  afterAll(() => system?.stop());

  const send = (path: string, body: Uint8Array, requests: number) =>
    inParallel(Array.from({ length: requests }), WIDTH, async () => {
      const { status } = await client.request('POST', path, { body, headers: GZIP });
      return status;
    });

  it.each(ROUTES)('to $path is 413 and costs no memory', async ({ path, limit, requests }) => {
    // Refused alike and nearly as long on the wire, but hardly longer than a body may be: what that takes is no matter
    // of bombs.
    const harmless = gzipped(randomBytes(0.8 * limit).toString('base64'));
    await send(path, harmless, requests);
    await send(path, harmless, requests);
    const bomb = gzipped('x'.repeat(INFLATED_BYTES));
    // gzip may consist of several, one after the other.
    const bombs = Buffer.concat(
      Array.from({ length: Math.floor(limit / bomb.length) }, () => bomb),
    );
    const before = peakBytes(system.apis[0]!.pid);
    expect(new Set(await send(path, bombs, requests))).toEqual(new Set([413]));
    const growth = peakBytes(system.apis[0]!.pid) - before;
    expect(growth).toBeLessThan(GROWTH_BYTES_MAX);
  });
});
