import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  canLookIntoProcesses,
  parseMemory,
  parseTimes,
  readMemory,
  readTimes,
  residentBytes,
  treeOf,
} from './process-tree.ts';

const stat = (pid: number, name: string, parent: number, times: number[]) =>
  `${pid} (${name}) S ${parent} ${pid} ${pid} 0 -1 4194560 900 800 7 6 ${times.join(' ')} 20 0 1 0 ` +
  `5000 250000000 7000 18446744073709551615`;

describe('parseTimes', () => {
  it('counts user and system time, of the process and of its children that ended', () => {
    expect(parseTimes(stat(7, 'postgres', 3, [100, 20, 3, 4]))).toEqual({
      parent: 3,
      cpuMicros: 1_270_000,
    });
  });

  it('is not misled by a name with blanks and brackets', () => {
    expect(parseTimes(stat(7, 'a) R 99 (b', 3, [1, 0, 0, 0]))).toEqual({
      parent: 3,
      cpuMicros: 10_000,
    });
  });
});

describe('parseMemory', () => {
  it('reads the kinds of resident memory, in bytes', () => {
    const status =
      'Name:\tpostgres\nVmHWM:\t   99999 kB\nVmRSS:\t   1003 kB\nRssAnon:\t     700 kB\n' +
      'RssFile:\t     300 kB\nRssShmem:\t       3 kB\n';
    expect(parseMemory(status)).toEqual({ anonymous: 716_800, file: 307_200, shared: 3072 });
  });

  it('takes the remains of an ended process for none', () => {
    expect(parseMemory('Name:\tpostgres\nState:\tZ (zombie)\n')).toEqual({
      anonymous: 0,
      file: 0,
      shared: 0,
    });
  });
});

describe('treeOf', () => {
  const processes = new Map(
    [
      [1, 0],
      [5, 1],
      [6, 5],
      [7, 6],
      [8, 1],
    ].map(([pid, parent]) => [pid!, { parent: parent!, cpuMicros: 0 }]),
  );

  it('finds children of children, and nobody else', () => {
    expect(treeOf(5, processes)).toEqual([5, 6, 7]);
  });

  it('is empty once the process has ended', () => {
    expect(treeOf(9, processes)).toEqual([]);
  });
});

describe('residentBytes', () => {
  it('counts shared buffers and programs once', () => {
    const memories = [
      { anonymous: 10, file: 5, shared: 100 },
      { anonymous: 20, file: 7, shared: 60 },
    ];
    expect(residentBytes(memories)).toBe(10 + 20 + 7 + 100);
    expect(residentBytes([])).toBe(0);
  });
});

describe.runIf(canLookIntoProcesses)('this process', () => {
  it('is found with its parent, its memory, and the time that a child of it took', () => {
    const before = readTimes().get(process.pid)!;
    expect(before.parent).toBe(process.ppid);
    const busy = 'const end = Date.now() + 300; while (Date.now() < end);';
    spawnSync(process.execPath, ['-e', busy]);
    const after = readTimes().get(process.pid)!;
    // The child may have waited for the CPU, but to start alone takes it longer than this.
    expect(after.cpuMicros - before.cpuMicros).toBeGreaterThanOrEqual(20_000);
    const { anonymous, file, shared } = readMemory(process.pid)!;
    const { rss } = process.memoryUsage();
    expect((anonymous + file + shared) / rss).toBeGreaterThan(0.5);
    expect((anonymous + file + shared) / rss).toBeLessThan(2);
  });
});
