/** `open`: nobody has decided about it yet. A letter is replayed or discarded once, and stays so. */
const DEAD_LETTER_STATES = ['open', 'replayed', 'discarded'] as const;

export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** The tenant of letters whose sender nobody has proved: none that a token can name. */
export const NOBODY = '';
