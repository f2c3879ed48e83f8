/** What the parts of this design cost by themselves, in microseconds of CPU of all processes. */
export interface FloorParts {
  /** To answer one create over HTTP. */
  http: number;
  /** To produce one message, 50 a request. */
  produce: number;
  /** To consume one message. */
  consume: number;
  /** To store one action and move it through its statuses, with history, in batches. */
  transitions: number;
}

/** The least that an action can cost as this design has it. */
export interface Floor {
  micros: number;
  /** Actions a second if nothing else ran on the machine. */
  perSecond: number;
}

/**
 * An action is answered, produced as a command, consumed and stored, and each of its events is produced again.
 * @param eventsEach relayed for one action
 */
export function floorOf(parts: FloorParts, eventsEach: number, cores: number): Floor {
  const micros = parts.http + parts.produce * (1 + eventsEach) + parts.consume + parts.transitions;
  return { micros, perSecond: (cores * 1_000_000) / micros };
}
