/** Reads protobuf's wire format from a buffer of the caller's. Stands behind the code that ts-proto generates. */
import { MessageDecodeError } from "./errors.js";
import { readAscii, SHORT_READ } from "./short-text.js";
import { normalize, readUtf8 } from "./utf8.js";
import * as words from "./words.js";

export { MessageDecodeError } from "./errors.js";

// Constants of this module: what is imported would be looked up and checked at each use.
const { float32, float64, HIGH, int32, int64, LOW, uint64 } = words;

/** Messages and groups within each other, counted together; as many as in protobuf's other implementations. */
const MAX_DEPTH = 100;

/** Up to here `bytes()` copies, so that a small value does not keep a network chunk alive. */
const MAX_COPY = 1024;

/** What readers of all copies of the library have in common. */
const BRAND: unique symbol = Symbol.for("clusterts.BinaryReader");

/**
 * Safe on bytes from anywhere: nothing behind the end of the message is read, and what is wrong throws
 * {@link MessageDecodeError}. Bounds are those of the whole message: a nested message that claims more than its parent
 * has left, but not more than the whole, reads on into the parent's fields, as everywhere in ts-proto's code.
 */
export class BinaryReader {
  buf: Uint8Array;
  /** Where the next byte is read. */
  pos: number;
  /** Where the message ends: an offset in {@link buf}, as generated code expects it under this name. */
  len: number;
  #start: number;
  #depth = 0;

  /**
   * Also true for a reader of another installed or loaded copy of the library: generated code asks whether it was given a
   * reader or bytes, and may have been loaded with a copy of its own.
   */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && BRAND in value;
  }

  /** @internal */
  get [BRAND](): true {
    return true;
  }

  constructor(buf: Uint8Array) {
    this.buf = normalize(buf);
    this.pos = 0;
    this.len = buf.length;
    this.#start = 0;
  }

  /**
   * Reads `[pos, end)` of `buf` from now on: one reader serves any number of messages, one after the other.
   *
   * @throws RangeError when that is no part of `buf`.
   */
  attach(buf: Uint8Array, pos: number, end: number): this {
    if (end > buf.length || pos > end) throw new RangeError(`a message at [${pos}, ${end}) in a buffer of ${buf.length} bytes`);
    this.buf = normalize(buf);
    this.pos = pos;
    this.len = end;
    this.#start = pos;
    this.#depth = 0;
    return this;
  }

  /**
   * How generated code counts messages within messages. Its own limit is the same but throws a plain `Error`, so this
   * one comes first. Code of a ts-proto too old to count ends in V8's
   * `RangeError` for a full stack, which can be caught too.
   *
   * @internal
   */
  get __tsProtoDecodeDepth(): number {
    if (this.#depth >= MAX_DEPTH) throw this.#malformed(`more than ${MAX_DEPTH} messages within each other`);
    return this.#depth;
  }

  /** @internal */
  set __tsProtoDecodeDepth(depth: number) {
    this.#depth = depth;
  }

  /**
   * To be called after a generated `decode`: that one takes a zero byte, or the end of a group that did not begin, for
   * the end of the message and returns what it has.
   *
   * @throws {@link MessageDecodeError} when bytes are left.
   */
  expectEnd(): void {
    if (this.pos !== this.len) throw this.#malformed(`${this.len - this.pos} bytes left behind what ends like a message`);
  }

  /** Field number and wire type. */
  tag(): [fieldNo: number, wireType: number] {
    const tag = this.uint32();
    const wireType = tag & 7;
    if (tag >>> 3 === 0 || wireType > 5) throw this.#malformed(`field number ${tag >>> 3} with wire type ${wireType}`);
    return [tag >>> 3, wireType];
  }

  uint32(): number {
    const pos = this.pos;
    if (pos < this.len) {
      const byte = this.buf[pos]!;
      if (byte < 0x80) {
        this.pos = pos + 1;
        return byte;
      }
    }
    return this.#varint32();
  }

  int32(): number {
    return this.uint32() | 0;
  }

  sint32(): number {
    const value = this.uint32();
    return (value >>> 1) ^ -(value & 1);
  }

  bool(): boolean {
    const pos = this.pos;
    if (pos < this.len) {
      const byte = this.buf[pos]!;
      if (byte < 0x80) {
        this.pos = pos + 1;
        return byte !== 0;
      }
    }
    this.#varint64();
    return int32[LOW] !== 0 || int32[HIGH] !== 0;
  }

  int64(): bigint {
    this.#varint64();
    return int64[0]!;
  }

  uint64(): bigint {
    this.#varint64();
    return uint64[0]!;
  }

  sint64(): bigint {
    this.#varint64();
    const low = int32[LOW]!;
    const high = int32[HIGH]!;
    const sign = -(low & 1);
    int32[LOW] = ((low >>> 1) | (high << 31)) ^ sign;
    int32[HIGH] = (high >>> 1) ^ sign;
    return int64[0]!;
  }

  fixed32(): number {
    return this.sfixed32() >>> 0;
  }

  sfixed32(): number {
    const pos = this.#take(4, "a 32-bit value");
    return word(this.buf, pos);
  }

  float(): number {
    int32[0] = word(this.buf, this.#take(4, "a 32-bit value"));
    return float32[0]!;
  }

  double(): number {
    this.#words();
    return float64[0]!;
  }

  fixed64(): bigint {
    this.#words();
    return uint64[0]!;
  }

  sfixed64(): bigint {
    this.#words();
    return int64[0]!;
  }

  /** A plain `Uint8Array`, never a `Buffer`: a copy up to 1 KiB, else a view of the memory of {@link buf}. */
  bytes(): Uint8Array {
    const length = this.uint32();
    const start = this.#take(length, "a bytes field");
    return this.#piece(start);
  }

  /**
   * Bytes that are not valid UTF-8 are an error, as protobuf's specification has it. (ts-proto on @bufbuild/protobuf, and protobufjs,
   * put U+FFFD in their place: silent damage.) A byte order mark is kept.
   */
  string(): string {
    const length = this.uint32();
    const start = this.#take(length, "a string");
    if (length <= SHORT_READ) {
      const ascii = readAscii(this.buf, start, length);
      if (ascii !== undefined) return ascii;
    }
    const text = readUtf8(this.buf, start, this.pos);
    if (text === undefined) throw this.#malformed("a string that is not valid UTF-8");
    return text;
  }

  /**
   * Passes over the value of a field whose tag was just read, and returns its bytes as {@link bytes} does.
   *
   * @param fieldNo - for groups: the number that the end must have too. Without it any number ends the group.
   */
  skip(wireType: number, fieldNo?: number): Uint8Array {
    const start = this.pos;
    if (this.#isFieldZero()) throw this.#malformed("field number 0");
    this.#skip(wireType, fieldNo, MAX_DEPTH - this.#depth);
    return this.#piece(start);
  }

  #skip(wireType: number, fieldNo: number | undefined, depth: number): void {
    switch (wireType) {
      case 0:
        this.#varint64();
        break;
      case 1:
        this.#take(8, "a 64-bit value");
        break;
      case 2:
        this.#take(this.uint32(), "a length-delimited field");
        break;
      case 3:
        this.#skipGroup(fieldNo, depth);
        break;
      case 5:
        this.#take(4, "a 32-bit value");
        break;
      default:
        throw this.#malformed(wireType === 4 ? "the end of a group that did not begin" : `wire type ${wireType}`);
    }
  }

  #skipGroup(fieldNo: number | undefined, depth: number): void {
    if (depth <= 0) throw this.#malformed(`more than ${MAX_DEPTH} messages and groups within each other`);
    for (;;) {
      const [innerNo, wireType] = this.tag();
      if (wireType === 4) {
        if (fieldNo !== undefined && innerNo !== fieldNo) throw this.#malformed(`group ${fieldNo} ended as ${innerNo}`);
        return;
      }
      this.#skip(wireType, innerNo, depth - 1);
    }
  }

  /** Whether the tag just read was one byte below 8. Generated code lets field number 0 through to `skip`. */
  #isFieldZero(): boolean {
    const pos = this.pos;
    if (pos === this.#start || this.buf[pos - 1]! > 7) return false;
    return pos - 1 === this.#start || this.buf[pos - 2]! < 0x80;
  }

  /** Moves over `length` bytes and returns where they start. */
  #take(length: number, what: string): number {
    const pos = this.pos;
    if (length > this.len - pos) {
      throw this.#malformed(`${what} of ${length} bytes where ${this.len - pos} are left`);
    }
    this.pos = pos + length;
    return pos;
  }

  #piece(start: number): Uint8Array {
    const length = this.pos - start;
    const buf = this.buf;
    const view = new Uint8Array(buf.buffer, buf.byteOffset + start, length);
    return length <= MAX_COPY ? view.slice() : view;
  }

  /** The low 32 bits of a varint of up to ten bytes. */
  #varint32(): number {
    const buf = this.buf;
    let pos = this.pos;
    const last = Math.min(this.len, pos + 10);
    if (last - pos > 1) {
      let byte = buf[pos + 1]!;
      let value = (buf[pos]! & 0x7f) | ((byte & 0x7f) << 7);
      pos += 2;
      for (let shift = 14; byte > 0x7f && pos < last; shift += 7) {
        byte = buf[pos++]!;
        if (shift < 32) value |= (byte & 0x7f) << shift;
      }
      if (byte < 0x80) {
        this.pos = pos;
        return value >>> 0;
      }
    }
    throw this.#badVarint();
  }

  /** Reads a varint of up to ten bytes into `words`. */
  #varint64(): void {
    const buf = this.buf;
    const last = Math.min(this.len, this.pos + 10);
    let pos = this.pos;
    let low = 0;
    let high = 0;
    let byte = 0x80;
    for (let shift = 0; shift < 28 && pos < last; shift += 7) {
      byte = buf[pos++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (byte > 0x7f && pos < last) {
      byte = buf[pos++]!;
      low |= byte << 28;
      high = (byte & 0x7f) >>> 4;
      for (let shift = 3; byte > 0x7f && pos < last; shift += 7) {
        byte = buf[pos++]!;
        high |= (byte & 0x7f) << shift;
      }
    }
    if (byte > 0x7f) throw this.#badVarint();
    this.pos = pos;
    int32[LOW] = low;
    int32[HIGH] = high;
  }

  /** Reads eight bytes into `words`. */
  #words(): void {
    const pos = this.#take(8, "a 64-bit value");
    int32[LOW] = word(this.buf, pos);
    int32[HIGH] = word(this.buf, pos + 4);
  }

  #badVarint(): MessageDecodeError {
    return this.#malformed(this.len - this.pos < 10 ? "it ends where a number should go on" : "a number of more than 10 bytes");
  }

  #malformed(problem: string): MessageDecodeError {
    return new MessageDecodeError(problem, this.pos - this.#start);
  }
}

function word(buf: Uint8Array, pos: number): number {
  return buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24);
}
