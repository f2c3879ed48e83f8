import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EntryOf } from '../history.ts';
import { Recorder } from './recorder.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'recorder-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const note = (recorder: Recorder) =>
  recorder.note<EntryOf<'ended'>>({ kind: 'ended', process: 'api-1' });

describe('a recorder', () => {
  it('takes nothing for part of the run that comes after its end', async () => {
    const recorder = new Recorder(join(directory, 'history.jsonl'));
    note(recorder);
    await recorder.close();
    note(recorder);
    expect(readFileSync(recorder.file, 'utf8').trim().split('\n')).toHaveLength(1);
    expect(recorder.broken.aborted).toBe(false);
  });

  it('breaks the run off when it cannot write', async () => {
    const recorder = new Recorder(join(directory, 'missing', 'history.jsonl'));
    note(recorder);
    await vi.waitFor(() => expect(recorder.broken.aborted).toBe(true));
    expect(recorder.broken.reason).toMatchObject({ code: 'ENOENT' });
    await expect(recorder.close()).rejects.toThrow('ENOENT');
  });
});
