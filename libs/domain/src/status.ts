/** Graph's `operationStatus`. Four values and no fifth: the SDKs of Go and TypeScript fail on any other. */
export const STATUSES = ['NotStarted', 'Running', 'Completed', 'Failed'] as const;

export type Status = (typeof STATUSES)[number];

/** The state machine, as docs/state-machine.md draws it: forward only, and nothing leaves the end. */
export const TRANSITIONS: Record<Status, readonly Status[]> = {
  NotStarted: ['Running', 'Completed', 'Failed'],
  Running: ['Completed', 'Failed'],
  Completed: [],
  Failed: [],
};

/** Completed or Failed: nothing follows. */
export function isTerminal(status: Status): boolean {
  return TRANSITIONS[status].length === 0;
}

/** Reads a status as a client may spell it (Graph's own examples write `notStarted`). */
export function parseStatus(text: string): Status | undefined {
  return STATUSES.find((status) => status.toLowerCase() === text.toLowerCase());
}
