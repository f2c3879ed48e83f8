import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { root } from '../../dev/repository.ts';
import { evidenceOf } from '../../faults/evidence.ts';
import type { Nemesis } from '../../faults/runner/fault-plan.ts';
import { discard, faultRun } from '../../faults/runner/run.ts';
import { Servers } from '../../faults/runner/servers.ts';
import { Victim } from '../../faults/runner/victim.ts';
import { Workload } from '../../faults/runner/workload.ts';

/** Time for one outage that stands alone, and for a few faults more. */
const SECONDS = 26;
/** One of the runs goes on after its faults: that takes as long again, what a fault did may be felt for so long. */
const CALM_SECONDS = 5;
/** Where `npm run faults` keeps histories too, so that one that failed here can be judged again. */
const HISTORIES = `${root}/.faults`;

/** Short runs of `npm run faults`; docs/fault-evidence.md has what long ones showed. */
describe('faults that a seed decides', () => {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-fault-servers-'));
  let servers: Servers;

  beforeAll(async () => {
    mkdirSync(HISTORIES, { recursive: true });
    servers = await Servers.start(directory, console.log);
  });
  afterAll(async () => {
    await servers?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  afterEach(() => vi.restoreAllMocks());

  // First, so that those below show that the servers are whole after it.
  it('leave nothing behind when a run breaks off', async () => {
    vi.spyOn(Victim.prototype, 'kill').mockRejectedValue(new Error('planted'));
    const works = vi.spyOn(Workload.prototype, 'run');
    const file = `${HISTORIES}/test-broken-off.jsonl`;
    const options = { seed: 4, seconds: SECONDS, calmSeconds: 0, file, log: console.log };
    const nemeses: Nemesis[] = ['kill'];
    await expect(faultRun(servers, { ...options, nemeses })).rejects.toThrow('planted');
    // All that works has ended by then, and did so of this.
    expect(works.mock.settledResults).toMatchObject([
      { type: 'rejected', value: { message: 'planted' } },
    ]);
    discard(file);
  }, 400_000);

  it('leave nothing behind when a run is interrupted', async () => {
    const works = vi.spyOn(Workload.prototype, 'run');
    const interrupted = new AbortController();
    const file = `${HISTORIES}/test-interrupted.jsonl`;
    const run = faultRun(servers, {
      seed: 4,
      seconds: SECONDS,
      calmSeconds: 0,
      nemeses: ['pause'],
      file,
      signal: interrupted.signal,
      // Said when the product is at work and the first fault is to come.
      log: () => interrupted.abort(new Error('interrupted')),
    });
    await expect(run).rejects.toThrow('interrupted');
    expect(works.mock.settledResults).toMatchObject([
      { type: 'rejected', value: { message: 'interrupted' } },
    ]);
    discard(file);
  }, 400_000);

  // Each has another server that is away alone: Kafka, Postgres, a product.
  it.each<{ seed: number; nemeses: Nemesis[]; calmSeconds: number }>([
    { seed: 5, nemeses: ['kill', 'cut', 'clock'], calmSeconds: CALM_SECONDS },
    { seed: 6, nemeses: ['pause', 'halfOpen', 'slow'], calmSeconds: 0 },
    { seed: 7, nemeses: ['stop', 'delay', 'cut'], calmSeconds: 0 },
  ])(
    'break no promise, and everything ends: seed $seed, $nemeses',
    async ({ seed, nemeses, calmSeconds }) => {
      const file = `${HISTORIES}/test-seed-${seed}.jsonl`;
      const options = { seed, seconds: SECONDS, calmSeconds, nemeses, file, log: console.log };
      const { faults, row } = evidenceOf(await faultRun(servers, options));
      console.log(row);
      expect(faults, [...faults, `The history is in ${file}.`].join('\n')).toEqual([]);
      discard(file);
    },
    400_000,
  );
});
