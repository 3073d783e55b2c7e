/** Reads protobuf's wire format from a buffer of the caller's. Stands behind the code that ts-proto generates. */
import { MessageDecodeError } from "./errors.js";
import { readAscii, SHORT_READ } from "./short-text.js";
import { normalize, readUtf8 } from "./utf8.js";
import * as words from "./words.js";

export { MessageDecodeError } from "./errors.js";

// Constants of this module: what is imported would be looked up and checked at each use.
const { float32, float64, HIGH, int32, int64, LOW, uint64 } = words;
/** Messages within messages, and groups within groups; as in protobuf's other implementations. */
const MAX_DEPTH = 100;
/** Up to here `bytes()` copies, so that a small value does not keep a network chunk alive. */
const MAX_COPY = 1024;
export class BinaryReader {
  #start;
  #depth = 0;
  #view = undefined;
  constructor(buf) {
    this.buf = normalize(buf);
    this.pos = 0;
    this.len = buf.length;
    this.#start = 0;
  }
  /** Reads `[pos, end)` of `buf` from now on: one reader serves any number of messages, one after the other. */
  attach(buf, pos, end) {
    if (end > buf.length || pos > end) throw new RangeError(`a message at [${pos}, ${end}) in a buffer of ${buf.length} bytes`);
    if (buf !== this.buf) {
      this.buf = normalize(buf);
      this.#view = undefined;
    }
    this.pos = pos;
    this.len = end;
    this.#start = pos;
    this.#depth = 0;
    return this;
  }
  /** How generated code counts messages within messages; its own limit throws a plain `Error`, so this one comes first. */
  get __tsProtoDecodeDepth() {
    if (this.#depth >= MAX_DEPTH) throw this.#malformed(`more than ${MAX_DEPTH} messages within each other`);
    return this.#depth;
  }
  set __tsProtoDecodeDepth(depth) {
    this.#depth = depth;
  }
  /**
   * To be called after a generated `decode`: that one takes a zero byte, or the end of a group that did not begin, for
   * the end of the message and returns what it has.
   *
   * @throws {@link MessageDecodeError} when bytes are left.
   */
  expectEnd() {
    if (this.pos !== this.len) throw this.#malformed(`${this.len - this.pos} bytes left behind what ends like a message`);
  }
  /** Field number and wire type. */
  tag() {
    const tag = this.uint32();
    const wireType = tag & 7;
    if (tag >>> 3 === 0 || wireType > 5) throw this.#malformed(`field number ${tag >>> 3} with wire type ${wireType}`);
    return [tag >>> 3, wireType];
  }
  uint32() {
    const pos = this.pos;
    if (pos < this.len) {
      const byte = this.buf[pos];
      if (byte < 0x80) {
        this.pos = pos + 1;
        return byte;
      }
    }
    return this.#varint32();
  }
  int32() {
    return this.uint32() | 0;
  }
  sint32() {
    const value = this.uint32();
    return (value >>> 1) ^ -(value & 1);
  }
  bool() {
    const pos = this.pos;
    if (pos < this.len) {
      const byte = this.buf[pos];
      if (byte < 0x80) {
        this.pos = pos + 1;
        return byte !== 0;
      }
    }
    this.#varint64();
    return int32[LOW] !== 0 || int32[HIGH] !== 0;
  }
  int64() {
    this.#varint64();
    return int64[0];
  }
  uint64() {
    this.#varint64();
    return uint64[0];
  }
  sint64() {
    this.#varint64();
    const low = int32[LOW];
    const high = int32[HIGH];
    const sign = -(low & 1);
    int32[LOW] = ((low >>> 1) | (high << 31)) ^ sign;
    int32[HIGH] = (high >>> 1) ^ sign;
    return int64[0];
  }
  fixed32() {
    return this.sfixed32() >>> 0;
  }
  sfixed32() {
    const pos = this.#take(4, "a 32-bit value");
    return word(this.buf, pos);
  }
  float() {
    return this.#dataView().getFloat32(this.#take(4, "a 32-bit value"), true);
  }
  double() {
    return this.#dataView().getFloat64(this.#take(8, "a 64-bit value"), true);
  }
  #dataView() {
    if (this.#view !== undefined) return this.#view;
    return this.#makeView();
  }
  #makeView() {
    const view = new DataView(this.buf.buffer, this.buf.byteOffset, this.buf.length);
    this.#view = view;
    return view;
  }
  fixed64() {
    this.#words();
    return uint64[0];
  }
  sfixed64() {
    this.#words();
    return int64[0];
  }
  /** A plain `Uint8Array`: a copy up to 1 KiB, else a view of {@link buf}. */
  bytes() {
    const length = this.uint32();
    const start = this.#take(length, "a bytes field");
    return this.#piece(start);
  }
  /** Bytes that are not valid UTF-8 are an error, as protobuf demands: replaced characters would be silent damage. */
  string() {
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
  skip(wireType, fieldNo) {
    const start = this.pos;
    if (this.#isFieldZero()) throw this.#malformed("field number 0");
    this.#skip(wireType, fieldNo, MAX_DEPTH - this.#depth);
    return this.#piece(start);
  }
  #skip(wireType, fieldNo, depth) {
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
  #skipGroup(fieldNo, depth) {
    if (depth <= 0) throw this.#malformed(`more than ${MAX_DEPTH} groups within each other`);
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
  #isFieldZero() {
    const pos = this.pos;
    if (pos === this.#start || this.buf[pos - 1] > 7) return false;
    return pos - 1 === this.#start || this.buf[pos - 2] < 0x80;
  }
  /** Moves over `length` bytes and returns where they start. */
  #take(length, what) {
    const pos = this.pos;
    if (length > this.len - pos) {
      throw this.#malformed(`${what} of ${length} bytes where ${this.len - pos} are left`);
    }
    this.pos = pos + length;
    return pos;
  }
  #piece(start) {
    const length = this.pos - start;
    const buf = this.buf;
    const view = new Uint8Array(buf.buffer, buf.byteOffset + start, length);
    return length <= MAX_COPY ? view.slice() : view;
  }
  /** The low 32 bits of a varint of up to ten bytes. */
  #varint32() {
    const buf = this.buf;
    let pos = this.pos;
    const last = Math.min(this.len, pos + 10);
    if (last - pos > 1) {
      let byte = buf[pos + 1];
      let value = (buf[pos] & 0x7f) | ((byte & 0x7f) << 7);
      pos += 2;
      for (let shift = 14; byte > 0x7f && pos < last; shift += 7) {
        byte = buf[pos++];
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
  #varint64() {
    const buf = this.buf;
    const last = Math.min(this.len, this.pos + 10);
    let pos = this.pos;
    let low = 0;
    let high = 0;
    let byte = 0x80;
    for (let shift = 0; shift < 28 && pos < last; shift += 7) {
      byte = buf[pos++];
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (byte > 0x7f && pos < last) {
      byte = buf[pos++];
      low |= byte << 28;
      high = (byte & 0x7f) >>> 4;
      for (let shift = 3; byte > 0x7f && pos < last; shift += 7) {
        byte = buf[pos++];
        high |= (byte & 0x7f) << shift;
      }
    }
    if (byte > 0x7f) throw this.#badVarint();
    this.pos = pos;
    int32[LOW] = low;
    int32[HIGH] = high;
  }
  /** Reads eight bytes into `words`. */
  #words() {
    const pos = this.#take(8, "a 64-bit value");
    int32[LOW] = word(this.buf, pos);
    int32[HIGH] = word(this.buf, pos + 4);
  }
  #badVarint() {
    return this.#malformed(this.len - this.pos < 10 ? "the end comes within a number" : "a number of more than 10 bytes");
  }
  #malformed(problem) {
    return new MessageDecodeError(problem, this.pos - this.#start);
  }
}
function word(buf, pos) {
  return buf[pos] | (buf[pos + 1] << 8) | (buf[pos + 2] << 16) | (buf[pos + 3] << 24);
}
