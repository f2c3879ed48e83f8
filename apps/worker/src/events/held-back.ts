import { Logger } from '@nestjs/common';

/** A look into the outbox has them all as its parameter. */
const ACTIONS_MAX = 20_000;

interface Reason {
  /** How long they are passed over the first time, and doubled for each time that one of them comes back. */
  pauseMs: number;
  pauseMsMax: number;
  /** Says at `level` what has happened, and what to do. */
  level: 'error' | 'warn';
  message: string;
}

/** Actions with events that Kafka does not take, passed over until the next try, so that all others go on. */
export class HeldBack {
  readonly #logger = new Logger('Relay');
  readonly #reason: Reason;
  #actionIds = new Set<string>();
  /** Those of the last time. */
  #before = new Set<string>();
  #pauseMs: number;
  #untilMs = 0;

  constructor(reason: Reason) {
    this.#reason = reason;
    this.#pauseMs = reason.pauseMs;
  }

  get isEmpty(): boolean {
    return this.#actionIds.size === 0;
  }

  /** No more can be passed over: what comes next may be the same again. */
  get isFull(): boolean {
    return this.#actionIds.size >= ACTIONS_MAX;
  }

  /** Those that are passed over in this look; when it is time for a try they are forgotten, and none is. */
  forThisLook(): string[] {
    if (!this.isEmpty && performance.now() >= this.#untilMs) {
      this.#before = this.#actionIds;
      this.#actionIds = new Set();
    }
    return [...this.#actionIds];
  }

  /** @param actionIds one for each event that could not be sent */
  add(actionIds: string[]): void {
    if (actionIds.length === 0) return;
    // From the first one on, so that those that keep coming do not put off the next try for ever.
    if (this.isEmpty) this.#begin(actionIds);
    for (const id of actionIds) {
      if (this.isFull) return;
      this.#actionIds.add(id);
    }
  }

  #begin(actionIds: string[]): void {
    const { pauseMs, pauseMsMax, level, message } = this.#reason;
    const isAgain = actionIds.some((id) => this.#before.has(id));
    this.#pauseMs = isAgain ? Math.min(2 * this.#pauseMs, pauseMsMax) : pauseMs;
    this.#untilMs = performance.now() + this.#pauseMs;
    this.#logger[level]({ events: actionIds.length, actionId: actionIds[0] }, message);
  }
}
