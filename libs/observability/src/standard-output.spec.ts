import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { gaugeProcess } from './process-gauges.ts';
import { standardOutput } from './standard-output.ts';

/** Processes take their time to start where everything is tested at once. */
const PROCESS_TIMEOUT_MS = 30_000;

/** How a process ends that logs two lines, each in a turn of its own, to where the shell has its output go. */
function endOf(redirection: string) {
  const script = `
    import { setImmediate as turn } from 'node:timers/promises';
    import { createLogger } from './libs/observability/src/logger.ts';
    const logger = createLogger('worker', { LOG_LEVEL: 'info' });
    for (const line of ['one', 'two']) {
      logger.info(line);
      await turn();
    }
    process.exitCode = 7;`;
  const command = `"$0" --input-type=module --eval "$1" ${redirection}`;
  const { status, stderr } = spawnSync('bash', ['-c', command, process.execPath, script], {
    encoding: 'utf8',
  });
  return { status, stderr };
}

/** Reads from the metrics of a process how many lines were dropped. */
function dropCount() {
  const registry = new Registry();
  gaugeProcess(registry, { queuedMessages: 0, queuedBytes: 0 }, {});
  return async () => {
    const metric = registry.getSingleMetric('security_actions_log_lines_dropped_total')!;
    return (await metric.get()).values[0]!.value;
  };
}

/** Standard output that takes nothing until it is told to. */
function fullDisk() {
  let isFull = true;
  let written = '';
  vi.spyOn(fs, 'writeSync').mockImplementation((_descriptor: number, text: unknown) => {
    if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    written += String(text);
    return Buffer.byteLength(String(text));
  });
  return { makeRoom: () => (isFull = false), written: () => written };
}

describe('standard output', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['has no room', '> /dev/full'],
    ['is closed by whoever read it', '> >(exec 0<&-; sleep 1)'],
  ])(
    'ends no process that logs when it %s',
    (_what, redirection) => {
      expect(endOf(redirection)).toEqual({ status: 7, stderr: '' });
    },
    PROCESS_TIMEOUT_MS,
  );

  it('gets what it did not take once there is room again, in order', () => {
    const disk = fullDisk();
    const output = standardOutput();
    output.write('one\n');
    output.write('two\n');
    disk.makeRoom();
    output.write('three\n');
    expect(disk.written()).toBe('one\ntwo\nthree\n');
  });

  it('has the lines counted that are too many to be kept', async () => {
    const disk = fullDisk();
    const dropped = dropCount();
    expect(await dropped()).toBe(0);
    const output = standardOutput();
    const batch = `${'x'.repeat(1023)}\n`.repeat(64);
    for (let written = 0; written < 100; written += 1) output.write(batch);
    disk.makeRoom();
    output.write('the last that is dropped\n');
    output.write('the first of many\n');
    expect(disk.written()).toMatch(/^[x\n]{4194304}the first of many\n$/);
    expect(await dropped()).toBe((100 - 64) * 64 + 1);
  });
});
