import { ApiError } from '#domain/errors';

/** What was asked is repeated in the answer, but not a whole book. */
const SHOWN_LENGTH_MAX = 60;

/** The 400 for a query option that cannot be answered. `message` goes on after the option's name. */
export function refused(option: string, message: string): ApiError {
  return new ApiError('invalidRequest', `The query option ${option} ${message}.`, {
    target: option,
  });
}

/** What a client wrote, for a message: quoted, bounded, and text that JSON can carry. */
export function shown(text: string): string {
  const short = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
  return `'${short.toWellFormed()}'`;
}

/** `a, b, c`: the right ones, for a message about a wrong one. */
export function known(names: readonly string[]): string {
  return `known: ${names.join(', ')}`;
}
