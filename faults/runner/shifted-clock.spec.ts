import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const MODULE = fileURLToPath(new URL('shifted-clock.ts', import.meta.url));
const HOUR_MS = 3_600_000;
/** Says what its clocks say, again and again. */
const PROGRAM = `setInterval(() => process.send({
  now: Date.now(),
  made: new Date().getTime(),
  isDate: new Date() instanceof Date,
  given: new Date(5).getTime(),
  monotonicMs: performance.now(),
}), 10)`;

interface Said {
  now: number;
  made: number;
  isDate: boolean;
  given: number;
  monotonicMs: number;
}

let directory: string;
let child: ChildProcess;
let last: Said | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'security-actions-clock-'));
  child = spawn(process.execPath, [`--import=${MODULE}`, '--eval', PROGRAM], {
    env: { SHIFTED_CLOCK_FILE: join(directory, 'clock') },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.on('message', (said) => (last = said as Said));
});
afterEach(async () => {
  const ended = once(child, 'exit');
  child.kill();
  await ended;
  rmSync(directory, { recursive: true });
});

const isOff = (byMs: number) =>
  vi.waitFor(
    () => {
      expect(Math.abs(last!.now - Date.now() - byMs)).toBeLessThan(HOUR_MS / 2);
      expect(Math.abs(last!.made - last!.now)).toBeLessThan(1000);
    },
    { timeout: 5000, interval: 10 },
  );

it('makes the wall clock of a process jump, there and back, and no other clock', async () => {
  await isOff(0);
  const { monotonicMs } = last!;
  writeFileSync(join(directory, 'clock'), String(HOUR_MS));
  await isOff(HOUR_MS);
  writeFileSync(join(directory, 'clock'), String(-HOUR_MS));
  await isOff(-HOUR_MS);
  expect(last).toMatchObject({ isDate: true, given: 5 });
  writeFileSync(join(directory, 'clock'), '0');
  await isOff(0);
  expect(last!.monotonicMs).toBeGreaterThan(monotonicMs);
  expect(last!.monotonicMs - monotonicMs).toBeLessThan(HOUR_MS / 2);
});
