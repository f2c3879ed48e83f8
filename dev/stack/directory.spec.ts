import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processIdentity } from '../process/identity.ts';
import {
  isOurs,
  lockStackDirectory,
  openStackDirectory,
  readJson,
  recordProcesses,
  runningSupervisor,
  stopLeftovers,
  writeAtomically,
} from './directory.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'stack-directory-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

describe('openStackDirectory', () => {
  it('marks a directory it made, or found empty, as ours', () => {
    openStackDirectory(place);
    openStackDirectory(join(place, 'new'));
    expect(isOurs(place)).toBe(true);
    expect(isOurs(join(place, 'new'))).toBe(true);
  });

  it('does not mark a directory that held something before, so that reset spares it', () => {
    writeFileSync(join(place, 'thesis.txt'), 'years of work');
    openStackDirectory(place);
    expect(isOurs(place)).toBe(false);
  });
});

describe('lockStackDirectory', () => {
  it('refuses a second holder, in one line that names the first', async () => {
    const unlock = await lockStackDirectory(place);
    await expect(lockStackDirectory(place)).rejects.toThrow(`(pid ${process.pid})`);
    unlock();
    const again = await lockStackDirectory(place);
    again();
    expect(runningSupervisor(place)).toBeUndefined();
  });

  it('takes over from a holder that was killed, even when its pid went to another process', async () => {
    const lock = join(place, 'supervisor.json');
    writeFileSync(lock, JSON.stringify({ pid: process.ppid, identity: 'an earlier process' }));
    const unlock = await lockStackDirectory(place);
    expect(runningSupervisor(place)).toBe(process.pid);
    unlock();
  });
});

describe('stopLeftovers', () => {
  it('leaves a process alone that only inherited a recorded pid', async () => {
    const { pid } = process;
    recordProcesses(place, [{ name: 'api', pid, identity: 'other', stopSignal: 'SIGKILL' }]);
    expect(await stopLeftovers(place)).toEqual([]);
    expect(processIdentity(pid)).toBeDefined();
  });
});

describe('writeAtomically', () => {
  it('replaces the file as a whole', () => {
    const file = join(place, 'endpoints.json');
    writeAtomically(file, '{"a":1}');
    writeAtomically(file, '{"a":2}');
    expect(readJson(file)).toEqual({ a: 2 });
  });
});
