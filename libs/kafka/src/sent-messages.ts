import { ShortLivedSet } from '#domain/short-lived';
import type { PublishError } from './publish-errors.ts';
import type { PublishReceipt } from './message-fate.ts';
import type { QueuedMessage } from './publish-queue.ts';

/**
 * The messages that were given to Kafka and whose callers have had no answer yet. Each gets one: an acknowledgement that
 * comes after its deadline changes nothing.
 */
export class SentMessages {
  readonly #entries = new ShortLivedSet<QueuedMessage>();

  get size(): number {
    return this.#entries.size;
  }

  add(entries: readonly QueuedMessage[]): void {
    for (const entry of entries) this.#entries.add(entry);
  }

  /** Those whose deadline has passed by `nowMs`; with Infinity all. */
  late(nowMs: number): QueuedMessage[] {
    return [...this.#entries].filter(({ deadlineMs }) => deadlineMs <= nowMs);
  }

  acknowledge(entry: QueuedMessage, receipt: PublishReceipt): void {
    if (this.#settle(entry)) entry.resolve(receipt);
  }

  /**
   * Those that were never sent can be told here, too.
   * @param makeError called only if there is somebody to tell: an error takes its stack along, which is dear
   */
  reject(
    entries: readonly QueuedMessage[],
    makeError: (fate: PublishError['fate']) => PublishError,
  ): void {
    const errors: Partial<Record<PublishError['fate'], PublishError>> = {};
    for (const entry of entries) {
      const fate = entry.fate.requests > 0 ? 'unknown' : 'notWritten';
      if (this.#settle(entry)) entry.reject((errors[fate] ??= makeError(fate)));
    }
  }

  #settle(entry: QueuedMessage): boolean {
    if (entry.settled) return false;
    entry.settled = true;
    this.#entries.delete(entry);
    return true;
  }
}
