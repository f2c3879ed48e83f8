import { Logger } from '@nestjs/common';

/** How long events that are too large for the topic are passed over: its limit is raised by a person. */
const TOO_LARGE_PAUSE_MS = 60_000;

/** Actions with an event that is too large for the topic, until the next try. */
export class HeldBack {
  readonly #logger = new Logger('Relay');
  readonly #actionIds = new Set<string>();
  #untilMs = 0;

  get isEmpty(): boolean {
    return this.#actionIds.size === 0;
  }

  /** Those that are passed over in this look; when it is time for a try they are forgotten, and none is. */
  forThisLook(): string[] {
    if (performance.now() >= this.#untilMs) this.#actionIds.clear();
    return [...this.#actionIds];
  }

  add(actionIds: ReadonlySet<string>): void {
    const [first] = actionIds;
    if (first === undefined) return;
    // From the first one on, so that those that keep coming do not put off the next try for ever.
    if (this.isEmpty) this.#untilMs = performance.now() + TOO_LARGE_PAUSE_MS;
    for (const id of actionIds) this.#actionIds.add(id);
    this.#logger.error(
      { actions: actionIds.size, actionId: first },
      'events are larger than their topic takes, and wait: raise its max.message.bytes',
    );
  }
}
