/** Fewer bytes are not worth the call. */
const LARGE_BYTES = 1024;

/**
 * Gives the memory of bytes back at once that nobody needs any more, where they have it for themselves, as chunks of a request
 * have: they are gone then, also for whoever still holds them. V8 would do so when it next looks for garbage, and that is late:
 * for V8 a buffer is as small as what refers to its memory. Thousands of bodies that are refused would take as much as those
 * that are not.
 */
export function giveBack({ buffer, length }: Buffer): void {
  if (length < LARGE_BYTES || buffer.byteLength !== length) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
