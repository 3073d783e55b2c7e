/** Writes protobuf's wire format in place, into a buffer of the caller's. Stands behind the code that ts-proto generates. */
import { MessageTooLargeError } from "./errors.js";
import { SHORT_WRITE, writeAscii } from "./short-text.js";
import { allocate, normalize, utf8Length, writeUtf8 } from "./utf8.js";
import * as words from "./words.js";

export { MessageTooLargeError } from "./errors.js";

// Constants of this module: what is imported would be looked up and checked at each use.
const { float32, float64, HIGH, int32, int64, LOW, uint64 } = words;
const EMPTY = allocate(0);
const FIRST_SIZE = 1024;
/** Writers' own memory above this is not kept. */
const MAX_SPARE = 64 * 1024;
/** Memory of the last writer that was finished without having been attached, for the next one: allocating costs more than encoding. */
let spare = EMPTY;
/**
 * One writer serves any number of messages, one after the other: {@link attach} points it at a buffer, the generated
 * `encode` writes, and the caller takes `buf` and `pos` back. `new BinaryWriter()` without `attach` brings its own
 * memory and has no limit; {@link finish} then gives the bytes.
 *
 * Values are checked: what does not fit its field throws a `TypeError` or `RangeError`. The writer is then in the
 * middle of a message; `attach` makes it usable again.
 */
export class BinaryWriter {
  constructor() {
    /** What is written to; another object after growth. */
    this.buf = EMPTY;
    /** Where the next byte goes. */
    this.pos = 0;
    /** The end of the room that needs no further look: of the buffer or of the limit, whichever comes first. */
    this.#end = 0;
    this.#start = 0;
    this.#limit = Number.POSITIVE_INFINITY;
    /** Where the lengths of the messages begun and not joined go. */
    this.#forks = [];
    this.#depth = 0;
    this.#attached = false;
  }
  /** The end of the room that needs no further look: of the buffer or of the limit, whichever comes first. */
  #end;
  #start;
  #limit;
  /** Where the lengths of the messages begun and not joined go. */
  #forks;
  #depth;
  #attached;
  /**
   * Writes into `buf` from `pos` on. When the buffer is too small, {@link buf} becomes one at least twice as large
   * with `[0, pos)` copied. Never writes at `limit` (an offset in the buffer) or behind it.
   */
  attach(buf, pos, limit) {
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
  finish() {
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
  fork() {
    if (this.pos >= this.#end) this.#reserve(1);
    this.#forks[this.#depth++] = this.pos++;
    return this;
  }
  join() {
    if (this.#depth === 0) throw new Error("join() without fork()");
    const start = this.#forks[--this.#depth];
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
  tag(fieldNo, wireType) {
    return this.uint32(((fieldNo << 3) | wireType) >>> 0);
  }
  /** Bytes as they are, without a length. */
  raw(bytes) {
    const length = bytes.length;
    if (this.pos + length > this.#end) this.#reserve(length);
    this.buf.set(bytes, this.pos);
    this.pos += length;
    return this;
  }
  uint32(value) {
    if (value >>> 0 !== value) return this.uint32(unsignedKey("uint32", value));
    if (value < 0x80 && this.pos < this.#end) {
      this.buf[this.pos++] = value;
      return this;
    }
    if (this.pos + 5 > this.#end) this.#reserve(varintSize(value));
    this.#varint(value);
    return this;
  }
  int32(value) {
    if ((value | 0) !== value) return this.int32(signedKey("int32", value));
    if (value < 0) {
      int32[LOW] = value;
      int32[HIGH] = -1;
      return this.#varint64();
    }
    if (this.pos + 5 > this.#end) this.#reserve(varintSize(value));
    this.#varint(value);
    return this;
  }
  sint32(value) {
    if ((value | 0) !== value) return this.sint32(signedKey("sint32", value));
    return this.uint32(((value << 1) ^ (value >> 31)) >>> 0);
  }
  bool(value) {
    if (typeof value !== "boolean") throw notOfType("bool", "a boolean", value);
    if (this.pos >= this.#end) this.#reserve(1);
    this.buf[this.pos++] = value ? 1 : 0;
    return this;
  }
  fixed32(value) {
    if (value >>> 0 !== value) return this.fixed32(unsignedKey("fixed32", value));
    return this.#word(value);
  }
  sfixed32(value) {
    if ((value | 0) !== value) return this.sfixed32(signedKey("sfixed32", value));
    return this.#word(value);
  }
  /** Rounds to single precision; a finite value that would become infinite is an error. */
  float(value) {
    if (typeof value !== "number") throw notOfType("float", "a number", value);
    float32[0] = value;
    if (!Number.isFinite(float32[0]) && Number.isFinite(value)) throw notInRange("float", value);
    return this.#word(int32[0]);
  }
  double(value) {
    if (typeof value !== "number") throw notOfType("double", "a number", value);
    float64[0] = value;
    return this.#words();
  }
  int64(value) {
    setSigned("int64", value);
    return this.#varint64();
  }
  uint64(value) {
    setUnsigned("uint64", value);
    return this.#varint64();
  }
  sint64(value) {
    setSigned("sint64", value);
    const low = int32[LOW];
    const high = int32[HIGH];
    const sign = high >> 31;
    int32[LOW] = (low << 1) ^ sign;
    int32[HIGH] = ((high << 1) | (low >>> 31)) ^ sign;
    return this.#varint64();
  }
  fixed64(value) {
    setUnsigned("fixed64", value);
    return this.#words();
  }
  sfixed64(value) {
    setSigned("sfixed64", value);
    return this.#words();
  }
  bytes(value) {
    if (!(value instanceof Uint8Array)) throw notOfType("bytes", "a Uint8Array", value);
    return this.uint32(value.length).raw(value);
  }
  string(value) {
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
  #reserve(size) {
    const needed = this.pos + size;
    if (needed > this.#limit) throw new MessageTooLargeError(this.#limit - this.#start);
    if (needed <= this.buf.length) return;
    const larger = this.#attached || needed > spare.length ? allocate(Math.max(needed, this.buf.length * 2, FIRST_SIZE)) : takeSpare();
    larger.set(this.buf.subarray(0, this.pos));
    this.buf = larger;
    this.#end = Math.min(larger.length, this.#limit);
  }
  #giveBack() {
    if (this.buf.length > spare.length && this.buf.length <= MAX_SPARE) spare = this.buf;
    this.buf = EMPTY;
    this.#end = 0;
  }
  /** An unsigned 32-bit number, where there is room. */
  #varint(value) {
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
  #varint64() {
    let low = int32[LOW] >>> 0;
    let high = int32[HIGH] >>> 0;
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
  #word(value) {
    if (this.pos + 4 > this.#end) this.#reserve(4);
    putWord(this.buf, this.pos, value);
    this.pos += 4;
    return this;
  }
  /** The 64 bits of `words`, little-endian. */
  #words() {
    if (this.pos + 8 > this.#end) this.#reserve(8);
    putWord(this.buf, this.pos, int32[LOW]);
    putWord(this.buf, this.pos + 4, int32[HIGH]);
    this.pos += 8;
    return this;
  }
}
function takeSpare() {
  const taken = spare;
  spare = EMPTY;
  return taken;
}
function putWord(buf, pos, value) {
  buf[pos] = value;
  buf[pos + 1] = value >>> 8;
  buf[pos + 2] = value >>> 16;
  buf[pos + 3] = value >>> 24;
}
function varintSize(value) {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}
function varint64Size(low, high) {
  if (high === 0) return varintSize(low);
  if (high < 8) return 5;
  return 5 + varintSize(high >>> 3);
}
/** Keys of maps come as text from generated code, which keeps them as an object's keys: that one is a number nonetheless. */
function signedKey(type, value) {
  const number = typeof value === "string" && DECIMAL.test(value) ? Number(value) : undefined;
  if (number === undefined || (number | 0) !== number) throw notInRange(type, value);
  return number | 0;
}
function unsignedKey(type, value) {
  const number = typeof value === "string" && DECIMAL.test(value) ? Number(value) : undefined;
  if (number === undefined || number >>> 0 !== number) throw notInRange(type, value);
  return number >>> 0;
}
const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;
const DECIMAL = /^-?[0-9]{1,20}$/;
/** Puts a signed 64-bit value into `words`. */
function setSigned(type, value) {
  if (typeof value === "number") {
    if (!Number.isInteger(value) || value < -TWO_63 || value >= TWO_63) throw notInRange(type, value);
    setNumber(value);
    return;
  }
  const wanted = typeof value === "bigint" ? value : parseInteger(type, value);
  int64[0] = wanted;
  if (int64[0] !== wanted) throw notInRange(type, value);
}
/** Puts an unsigned 64-bit value into `words`. */
function setUnsigned(type, value) {
  if (typeof value === "number") {
    if (!Number.isInteger(value) || value < 0 || value >= 2 * TWO_63) throw notInRange(type, value);
    setNumber(value);
    return;
  }
  const wanted = typeof value === "bigint" ? value : parseInteger(type, value);
  uint64[0] = wanted;
  if (uint64[0] !== wanted) throw notInRange(type, value);
}
function setNumber(value) {
  int32[LOW] = value >>> 0;
  int32[HIGH] = Math.floor(value / TWO_32);
}
function parseInteger(type, value) {
  if (typeof value !== "string") throw notOfType(type, "a bigint, a number or a decimal string", value);
  if (!DECIMAL.test(value)) throw notInRange(type, value);
  return BigInt(value);
}
function notInRange(type, value) {
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "string") return notOfType(type, "a number", value);
  return new RangeError(`cannot write ${JSON.stringify(String(value)).slice(1, -1)} as ${type}: ${RANGES[type]} expected`);
}
function notOfType(type, expected, value) {
  return new TypeError(`cannot write ${value === null ? "null" : typeof value} as ${type}: ${expected} expected`);
}
const SIGNED_32 = "an integer from -2147483648 to 2147483647";
const UNSIGNED_32 = "an integer from 0 to 4294967295";
const SIGNED_64 = "an integer from -2^63 to 2^63-1";
const UNSIGNED_64 = "an integer from 0 to 2^64-1";
const RANGES = {
  int32: SIGNED_32,
  sint32: SIGNED_32,
  sfixed32: SIGNED_32,
  uint32: UNSIGNED_32,
  fixed32: UNSIGNED_32,
  int64: SIGNED_64,
  sint64: SIGNED_64,
  sfixed64: SIGNED_64,
  uint64: UNSIGNED_64,
  fixed64: UNSIGNED_64,
  float: "a value within single precision",
};
