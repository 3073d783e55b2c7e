/** Writes protobuf's wire format in place, into a buffer of the caller's. Stands behind the code that ts-proto generates. */
import { MessageTooLargeError } from "./errors.js";
import { isBytes, notInRange, notOfType, setSigned, setUnsigned, signedKey, unsignedKey } from "./field-values.js";
import { SHORT_WRITE, writeAscii } from "./short-text.js";
import { allocate, normalize, utf8Length, writeUtf8 } from "./utf8.js";
import * as words from "./words.js";

export { MessageTooLargeError } from "./errors.js";

// Constants of this module: what is imported would be looked up and checked at each use.
const { float32, float64, HIGH, int32, LOW } = words;

const EMPTY = allocate(0);
const FIRST_SIZE = 1024;
/** Writers' own memory above this is not kept. */
const MAX_SPARE = 64 * 1024;

/** Memory of the last writer that was finished without having been attached, for the next one: allocating costs more than encoding. */
let spare: Uint8Array = EMPTY;

/**
 * One writer serves any number of messages, one after the other: {@link attach} points it at a buffer, the generated
 * `encode` writes, and the caller takes `buf` and `pos` back. `new BinaryWriter()` without `attach` brings its own
 * memory and has no limit; {@link finish} then gives the bytes.
 *
 * Values are checked: what does not fit its field throws a `TypeError` or `RangeError`. The writer is then in the
 * middle of a message; `attach` makes it usable again.
 */
export class BinaryWriter {
  /** What is written to; another object after growth. */
  buf: Uint8Array = EMPTY;
  /** Where the next byte goes. */
  pos = 0;
  /** The end of the room that needs no further look: of the buffer or of the limit, whichever comes first. */
  #end = 0;
  #start = 0;
  #limit = Number.POSITIVE_INFINITY;
  /** Where the lengths of the messages begun and not joined go. */
  readonly #forks: number[] = [];
  #depth = 0;
  #attached = false;

  /**
   * Writes into `buf` from `pos` on. When the buffer is too small, {@link buf} becomes one at least twice as large
   * with `[0, pos)` copied. Never writes at `limit` (an offset in the buffer) or behind it.
   */
  attach(buf: Uint8Array, pos: number, limit: number): this {
    this.buf = normalize(buf);
    this.pos = pos;
    this.#start = pos;
    this.#limit = limit;
    this.#end = Math.min(buf.length, limit);
    this.#depth = 0;
    this.#attached = true;
    return this;
  }

  /** A copy of what was written since {@link attach}, to keep. The writer starts over at the same place. */
  finish(): Uint8Array {
    if (this.#depth !== 0) throw new Error(`${this.#depth} fork() without join()`);
    const buf = this.buf;
    const length = this.pos - this.#start;
    // As a view first: `slice` of a Buffer would be a view of the same memory.
    const written = new Uint8Array(buf.buffer, buf.byteOffset + this.#start, length).slice();
    this.pos = this.#start;
    if (!this.#attached) this.#giveBack();
    return written;
  }

  /** Begins a length-delimited field; {@link join} ends it and puts the length in front. */
  fork(): this {
    if (this.pos >= this.#end) this.#reserve(1);
    this.#forks[this.#depth++] = this.pos++;
    return this;
  }

  join(): this {
    if (this.#depth === 0) throw new Error("join() without fork()");
    const start = this.#forks[--this.#depth]!;
    const length = this.pos - start - 1;
    if (length < 0x80) {
      this.buf[start] = length;
      return this;
    }
    const size = varintSize(length);
    this.#reserve(size - 1);
    this.buf.copyWithin(start + size, start + 1, this.pos);
    this.pos = start;
    this.#varint(length);
    this.pos += length;
    return this;
  }

  tag(fieldNo: number, wireType: number): this {
    return this.uint32(((fieldNo << 3) | wireType) >>> 0);
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): this {
    const length = bytes.length;
    if (this.pos + length > this.#end) this.#reserve(length);
    this.buf.set(bytes, this.pos);
    this.pos += length;
    return this;
  }

  uint32(value: number): this {
    if (typeof value !== "number" || value >>> 0 !== value) return this.uint32(unsignedKey("uint32", value));
    if (value < 0x80 && this.pos < this.#end) {
      this.buf[this.pos++] = value;
      return this;
    }
    if (this.pos + 5 > this.#end) this.#reserve(varintSize(value));
    this.#varint(value);
    return this;
  }

  int32(value: number): this {
    if (typeof value !== "number" || (value | 0) !== value) return this.int32(signedKey("int32", value));
    if (value < 0) {
      int32[LOW] = value;
      int32[HIGH] = -1;
      return this.#varint64();
    }
    if (this.pos + 5 > this.#end) this.#reserve(varintSize(value));
    this.#varint(value);
    return this;
  }

  sint32(value: number): this {
    if (typeof value !== "number" || (value | 0) !== value) return this.sint32(signedKey("sint32", value));
    return this.uint32(((value << 1) ^ (value >> 31)) >>> 0);
  }

  bool(value: boolean): this {
    if (typeof value !== "boolean") throw notOfType("bool", "a boolean", value);
    if (this.pos >= this.#end) this.#reserve(1);
    this.buf[this.pos++] = value ? 1 : 0;
    return this;
  }

  fixed32(value: number): this {
    if (typeof value !== "number" || value >>> 0 !== value) return this.fixed32(unsignedKey("fixed32", value));
    return this.#word(value);
  }

  sfixed32(value: number): this {
    if (typeof value !== "number" || (value | 0) !== value) return this.sfixed32(signedKey("sfixed32", value));
    return this.#word(value);
  }

  /** Rounds to single precision; a finite value that would become infinite is an error. */
  float(value: number): this {
    if (typeof value !== "number") throw notOfType("float", "a number", value);
    float32[0] = value;
    if (!Number.isFinite(float32[0]) && Number.isFinite(value)) throw notInRange("float", value);
    return this.#word(int32[0]!);
  }

  double(value: number): this {
    if (typeof value !== "number") throw notOfType("double", "a number", value);
    float64[0] = value;
    return this.#words();
  }

  int64(value: bigint | number | string): this {
    setSigned("int64", value);
    return this.#varint64();
  }

  uint64(value: bigint | number | string): this {
    setUnsigned("uint64", value);
    return this.#varint64();
  }

  sint64(value: bigint | number | string): this {
    setSigned("sint64", value);
    const low = int32[LOW]!;
    const high = int32[HIGH]!;
    const sign = high >> 31;
    int32[LOW] = (low << 1) ^ sign;
    int32[HIGH] = ((high << 1) | (low >>> 31)) ^ sign;
    return this.#varint64();
  }

  fixed64(value: bigint | number | string): this {
    setUnsigned("fixed64", value);
    return this.#words();
  }

  sfixed64(value: bigint | number | string): this {
    setSigned("sfixed64", value);
    return this.#words();
  }

  bytes(value: Uint8Array): this {
    if (!isBytes(value)) throw notOfType("bytes", "a Uint8Array", value);
    return this.uint32(value.length).raw(value);
  }

  string(value: string): this {
    if (typeof value !== "string") throw notOfType("string", "a string", value);
    const units = value.length;
    if (units <= SHORT_WRITE && this.pos + 1 + units <= this.#end && writeAscii(this.buf, value, this.pos + 1)) {
      this.buf[this.pos] = units;
      this.pos += 1 + units;
      return this;
    }
    // A UTF-16 unit takes three bytes at most. The length is taken to be that of ASCII, and the text moved when it is not.
    let size = varintSize(units);
    if (this.pos + 5 + units * 3 > this.#end) {
      const length = utf8Length(value);
      size = varintSize(length);
      this.#reserve(size + length);
    }
    const start = this.pos;
    const length = writeUtf8(this.buf, value, start + size);
    const needed = varintSize(length);
    if (needed !== size) this.buf.copyWithin(start + needed, start + size, start + size + length);
    this.#varint(length);
    this.pos += length;
    return this;
  }

  /** Makes room for `size` bytes. */
  #reserve(size: number): void {
    const needed = this.pos + size;
    if (needed > this.#limit) throw new MessageTooLargeError(this.#limit - this.#start);
    if (needed <= this.buf.length) return;
    const larger = this.#attached || needed > spare.length ? allocate(Math.max(needed, this.buf.length * 2, FIRST_SIZE)) : takeSpare();
    larger.set(this.buf.subarray(0, this.pos));
    this.buf = larger;
    this.#end = Math.min(larger.length, this.#limit);
  }

  #giveBack(): void {
    if (this.buf.length > spare.length && this.buf.length <= MAX_SPARE) spare = this.buf;
    this.buf = EMPTY;
    this.#end = 0;
  }

  /** An unsigned 32-bit number, where there is room. */
  #varint(value: number): void {
    const buf = this.buf;
    let pos = this.pos;
    let rest = value;
    while (rest > 0x7f) {
      buf[pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buf[pos++] = rest;
    this.pos = pos;
  }

  /** The 64 bits of `words` as a varint. */
  #varint64(): this {
    let low = int32[LOW]! >>> 0;
    let high = int32[HIGH]! >>> 0;
    if (this.pos + 10 > this.#end) this.#reserve(varint64Size(low, high));
    const buf = this.buf;
    let pos = this.pos;
    while (high !== 0) {
      buf[pos++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    while (low > 0x7f) {
      buf[pos++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    buf[pos++] = low;
    this.pos = pos;
    return this;
  }

  /** Four bytes, little-endian. */
  #word(value: number): this {
    if (this.pos + 4 > this.#end) this.#reserve(4);
    putWord(this.buf, this.pos, value);
    this.pos += 4;
    return this;
  }

  /** The 64 bits of `words`, little-endian. */
  #words(): this {
    if (this.pos + 8 > this.#end) this.#reserve(8);
    putWord(this.buf, this.pos, int32[LOW]!);
    putWord(this.buf, this.pos + 4, int32[HIGH]!);
    this.pos += 8;
    return this;
  }
}

function takeSpare(): Uint8Array {
  const taken = spare;
  spare = EMPTY;
  return taken;
}

function putWord(buf: Uint8Array, pos: number, value: number): void {
  buf[pos] = value;
  buf[pos + 1] = value >>> 8;
  buf[pos + 2] = value >>> 16;
  buf[pos + 3] = value >>> 24;
}

function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

function varint64Size(low: number, high: number): number {
  if (high === 0) return varintSize(low);
  if (high < 8) return 5;
  return 5 + varintSize(high >>> 3);
}
