/** Writes fields as Kafka's protocol has them into a buffer whose size is known beforehand; past its end it throws RangeError. */
export class ByteWriter {
  readonly bytes: Buffer;
  #at = 0;

  /**
   * @param size in bytes; all of them must be written, as they hold whatever was there before
   * @param headroom bytes in front of them, in the same memory
   */
  constructor(size: number, headroom = 0) {
    this.bytes = Buffer.allocUnsafe(headroom + size).subarray(headroom);
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
    for (; rest > 0x7f; rest >>>= 7)
      this.#at = this.bytes.writeUInt8((rest & 0x7f) | 0x80, this.#at);
    this.#at = this.bytes.writeUInt8(rest, this.#at);
  }

  /** With its length as VARINT in front; null has the length -1. */
  varBytes(content: string | Buffer | null): void {
    if (content === null) return this.varInt(-1);
    this.varInt(Buffer.byteLength(content));
    this.#raw(content);
  }

  /** A byte for each character, none of which may be beyond U+00FF. */
  latin1(text: string): void {
    this.#at += this.bytes.write(text, this.#at, 'latin1');
  }

  /** Writes at `at` what is known only afterwards. */
  patchUInt32(value: number, at: number): void {
    this.bytes.writeUInt32BE(value, at);
  }

  #raw(content: string | Buffer): void {
    if (typeof content === 'string') this.#at += this.bytes.write(content, this.#at);
    else this.#at += content.copy(this.bytes, this.#at);
  }
}

/** What takes one byte: lengths of most texts, and places in a batch. */
const VAR_INTS = Array.from({ length: 64 }, (_, value) => String.fromCharCode(value << 1));

/** What `varInt` writes, a character for each byte. */
export function varIntText(value: number): string {
  const short = VAR_INTS[value];
  if (short !== undefined) return short;
  let text = '';
  let rest = zigzag(value);
  for (; rest > 0x7f; rest >>>= 7) text += String.fromCharCode((rest & 0x7f) | 0x80);
  return text + String.fromCharCode(rest);
}

/** What `varBytes` writes of a text in ASCII, a character for each byte. */
export function varBytesText(content: string | null): string {
  return content === null ? varIntText(-1) : varIntText(content.length) + content;
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
