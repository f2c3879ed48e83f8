import type { Reply } from '../speed/creates.ts';

/** What a server may answer that has too much to do. */
const REFUSALS = [429, 503];

/** Counts what creates are answered that come faster than they can be taken. */
export class Answers {
  readonly #counts = new Map<string, number>();
  readonly #faults = new Set<string>();
  accepted = 0;
  refused = 0;

  add({ status, retryAfter, text }: Reply): void {
    const isRefusal = REFUSALS.includes(status);
    // In seconds: the form that every SDK reads.
    const isPolite = retryAfter !== undefined && /^\d+$/.test(retryAfter);
    if (status === 201) this.accepted += 1;
    if (isRefusal) this.refused += 1;
    const how = isPolite ? 'with Retry-After' : 'without Retry-After';
    const kind = isRefusal ? `${status} ${how}` : String(status);
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (status !== 201 && !(isRefusal && isPolite))
      this.#faults.add(`${kind}: ${text.slice(0, 200)}`);
  }

  /** How often each kind came. */
  get summary(): string {
    return [...this.#counts].map(([kind, count]) => `${kind}: ${count}`).join(', ');
  }

  /** @throws when there was an answer that a client cannot do anything with */
  check(): void {
    if (this.#faults.size === 0) return;
    throw new Error(
      `overload was not answered politely (${this.summary}): ${[...this.#faults].join('; ')}`,
    );
  }
}
