import { closeSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import type { EntryOf } from '../history.ts';
import type { Recorder } from './recorder.ts';

const LOOK_MS = 20;
const CHUNK_BYTES = 65_536;

const effectSchema = z.object({
  actionId: z.uuid(),
  attemptId: z.string(),
  vendor: z.string().optional(),
  provider: z.string().optional(),
  takenBack: z.boolean().optional(),
});

/**
 * What the simulated products write down, as they do it: the times that they write are those of clocks that a fault may
 * have set.
 */
export class RecordedEffects {
  readonly #recorder: Recorder;
  readonly #file: number;
  readonly #timer: NodeJS.Timeout;
  /** What was taken back does not say whose it was. */
  readonly #providers = new Map<string, string>();
  #rest = '';
  #isStopped = false;

  constructor(recorder: Recorder, path: string) {
    this.#recorder = recorder;
    this.#file = openSync(path, 'a+');
    this.#timer = setInterval(() => this.#lookOrBreakOff(), LOOK_MS);
  }

  /** Looks a last time; of no effect when it was called before. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#lookOrBreakOff();
    closeSync(this.#file);
  }

  #lookOrBreakOff(): void {
    try {
      this.#look();
    } catch (error) {
      this.#recorder.breakOff(error);
    }
  }

  #look(): void {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let read: number;
    while ((read = readSync(this.#file, buffer)) > 0) {
      // The lines are ASCII: no character is cut in two.
      const lines = (this.#rest + buffer.toString('latin1', 0, read)).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) this.#note(line);
    }
  }

  #note(line: string): void {
    const effect = effectSchema.parse(JSON.parse(line));
    const { actionId, attemptId, takenBack = false } = effect;
    if (!takenBack) this.#providers.set(actionId, `${effect.vendor}/${effect.provider}`);
    this.#recorder.note<EntryOf<'effect'>>({
      kind: 'effect',
      provider: this.#providers.get(actionId) ?? 'unknown',
      actionId,
      attemptId,
      isTakenBack: takenBack,
    });
  }
}
