/** Beyond ASCII a character is of two bytes at least: with so much room behind the last text it shows that it needs more. */
const SLACK_BYTES = 4;

/** A text that was taken for ASCII is not. */
export class NotAscii extends Error {}

/**
 * Writes fields as Kafka's protocol has them into a buffer whose size is known beforehand. Not every field is held against its
 * end: whether all of it is written, and no more, `length` tells.
 */
export class ByteWriter {
  readonly bytes: Buffer;
  readonly #buffer: Buffer;
  #at = 0;

  /**
   * @param size in bytes; all of them must be written, as they hold whatever was there before
   * @param headroom bytes in front of them, in the same memory
   */
  constructor(size: number, headroom = 0) {
    this.#buffer = Buffer.allocUnsafe(headroom + size + SLACK_BYTES).subarray(headroom);
    this.bytes = this.#buffer.subarray(0, size);
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#at;
  }

  int8(value: number): void {
    this.#at = this.bytes.writeInt8(value, this.#at);
  }

  int16(value: number): void {
    this.#at = this.bytes.writeInt16BE(value, this.#at);
  }

  int32(value: number): void {
    this.#at = this.bytes.writeInt32BE(value, this.#at);
  }

  /** A whole number that a double holds exactly. */
  int64(value: number): void {
    this.int32(Math.floor(value / 2 ** 32));
    this.#at = this.bytes.writeUInt32BE(value >>> 0, this.#at);
  }

  /** With its length as INT16 in front. */
  string(text: string): void {
    this.int16(Buffer.byteLength(text));
    this.#raw(text);
  }

  /** In 32 bits at most, zigzag: small numbers of either sign take one byte. */
  varInt(value: number): void {
    let rest = zigzag(value);
    for (; rest > 0x7f; rest >>>= 7) this.#byte((rest & 0x7f) | 0x80);
    this.#byte(rest);
  }

  /** With its length as VARINT in front; null has the length -1. */
  varBytes(content: string | Buffer | null): void {
    if (content === null) return this.varInt(-1);
    this.varInt(Buffer.byteLength(content));
    this.#raw(content);
  }

  /**
   * The same of a text that was measured as ASCII.
   * @throws NotAscii
   */
  varAscii(text: string | null): void {
    if (text === null) return this.varInt(-1);
    this.varInt(text.length);
    const written = this.#buffer.write(text, this.#at);
    if (written !== text.length) throw new NotAscii('Measured as ASCII, and is not.');
    this.#at += written;
  }

  /** Writes at `at` what is known only afterwards. */
  patchUInt32(value: number, at: number): void {
    this.bytes.writeUInt32BE(value, at);
  }

  /** As `writeUInt8` does it, which looks at more than the end each time. */
  #byte(value: number): void {
    if (this.#at >= this.bytes.length) throw new RangeError('There is no room for another byte.');
    this.bytes[this.#at++] = value;
  }

  #raw(content: string | Buffer): void {
    if (typeof content === 'string') this.#at += this.bytes.write(content, this.#at);
    else this.#at += content.copy(this.bytes, this.#at);
  }
}

/** How many bytes `varInt` writes. */
export function varIntSize(value: number): number {
  // Seven bits a byte; zero has one bit as well.
  return Math.ceil((32 - Math.clz32(zigzag(value) | 1)) / 7);
}

/** How many bytes `varBytes` writes. */
export function varBytesSize(content: string | Buffer | null): number {
  if (content === null) return varIntSize(-1);
  const length = Buffer.byteLength(content);
  return varIntSize(length) + length;
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}
