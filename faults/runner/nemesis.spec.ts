import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseHistory } from '../history.ts';
import type { PlannedFault } from './fault-plan.ts';
import { type Handles, befall } from './nemesis.ts';
import { PlanClock } from './plan-clock.ts';
import { Recorder } from './recorder.ts';

const HOUR_MS = 3_600_000;
const LONG: PlannedFault = {
  atMs: 0,
  holdMs: HOUR_MS,
  nemesis: 'cut',
  subject: 'api-1>kafka',
};

let directory: string;
let recorder: Recorder;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nemesis-'));
  recorder = new Recorder(join(directory, 'history.jsonl'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function handles(setLink: Handles['setLink']): Handles {
  return {
    victims: new Map(),
    disks: new Map(),
    hitsOf: () => 0,
    setLink,
    setClock: () => undefined,
  };
}

const course = (signal: AbortSignal) => ({ seed: 1, clock: new PlanClock(HOUR_MS), signal });

describe('befall', () => {
  it('notes when each fault strikes, begins, ends and is over', async () => {
    const plan = [{ ...LONG, holdMs: 5 }];
    const setLink = vi.fn<Handles['setLink']>();
    await befall(handles(setLink), recorder, plan, course(new AbortController().signal));
    await recorder.close();
    expect(setLink.mock.calls).toEqual([
      ['api-1>kafka', 'cut'],
      ['api-1>kafka', 'open'],
    ]);
    const noted = parseHistory(readFileSync(recorder.file, 'utf8'));
    expect(noted.map((entry) => entry.kind === 'fault' && entry.phase)).toEqual([
      'strike',
      'begin',
      'end',
      'over',
    ]);
  });

  it('undoes all that it has done when a fault cannot be made, and makes no more', async () => {
    const setLink = vi.fn<Handles['setLink']>((link, state) => {
      if (link === 'api-2>kafka' && state === 'cut') throw new Error('planted');
    });
    const plan: PlannedFault[] = [
      LONG,
      { ...LONG, atMs: 20, subject: 'api-2>kafka' },
      { ...LONG, atMs: HOUR_MS, subject: 'worker-1>kafka' },
    ];
    const made = befall(handles(setLink), recorder, plan, course(new AbortController().signal));
    await expect(made).rejects.toThrow('planted');
    expect(setLink).toHaveBeenCalledWith('api-1>kafka', 'open');
    expect(setLink).not.toHaveBeenCalledWith('worker-1>kafka', 'cut');
    await recorder.close();
  });

  it('undoes all that it has done when the run breaks off', async () => {
    const setLink = vi.fn<Handles['setLink']>();
    const broken = new AbortController();
    const made = befall(handles(setLink), recorder, [LONG], course(broken.signal));
    await vi.waitFor(() => expect(setLink).toHaveBeenCalledWith('api-1>kafka', 'cut'));
    broken.abort(new Error('a lane failed'));
    await expect(made).rejects.toThrow('a lane failed');
    expect(setLink).toHaveBeenLastCalledWith('api-1>kafka', 'open');
    await recorder.close();
  });
});
