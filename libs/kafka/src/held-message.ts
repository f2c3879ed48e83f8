/**
 * A handler throws it when a message has to wait while those before it in the batch are done: those are committed, and it
 * comes again with all that follows it.
 */
export class HeldMessage extends Error {
  /** How many messages of the batch, from its first, are done. */
  readonly doneBefore: number;

  /** @param cause why the message has to wait */
  constructor(doneBefore: number, cause: Error) {
    super(cause.message, { cause });
    this.name = 'HeldMessage';
    this.doneBefore = doneBefore;
  }
}
