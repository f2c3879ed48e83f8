/** Fewer bytes are not worth the call, and mostly share their memory with others. */
const LARGE_BYTES = 16 * 1024;

/**
 * Gives the memory of bytes that nobody needs any more back at once, where they have it for themselves. V8 would do so when
 * it next looks for garbage, and that is late: for V8 a buffer is as small as what refers to its memory. Thousands of bodies
 * that are refused would take as much as those that are not.
 */
export function giveBack({ buffer, length }: Buffer): void {
  if (length < LARGE_BYTES || buffer.byteLength !== length) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
