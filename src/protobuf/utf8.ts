/**
 * UTF-8 by the fastest means at hand: Node's `Buffer` where there is one, else `TextEncoder` and `TextDecoder`.
 * Imports nothing, so that generated code bundles for browsers.
 */

/** The methods of Node's `Buffer` that skip argument checks; polyfills for browsers may lack them. */
interface NativeBuffer extends Uint8Array {
  utf8Write(text: string, offset: number, length: number): number;
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
}

interface NativeBufferClass {
  readonly prototype: NativeBuffer;
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): NativeBuffer;
  allocUnsafeSlow(size: number): NativeBuffer;
  byteLength(text: string): number;
}

const found = (globalThis as { Buffer?: unknown }).Buffer as Partial<NativeBufferClass> | undefined;
const native =
  typeof found?.allocUnsafeSlow === "function" && typeof found.prototype?.utf8Write === "function"
    ? (found as NativeBufferClass)
    : undefined;

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Memory that belongs to its receiver alone; not zeroed in Node. */
export const allocate: (size: number) => Uint8Array =
  native === undefined ? (size) => new Uint8Array(size) : (size) => native.allocUnsafeSlow(size);

/** The same memory as an object of the one class that the functions below and the optimising compiler want. */
export const normalize: (bytes: Uint8Array) => Uint8Array =
  native === undefined
    ? (bytes) => bytes
    : (bytes) => (bytes instanceof native.prototype.constructor ? bytes : native.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));

/** Writes `text` at `pos`, where there must be room; lone surrogates become U+FFFD. Returns the number of bytes. */
export const writeUtf8: (buf: Uint8Array, text: string, pos: number) => number =
  native === undefined
    ? (buf, text, pos) => encoder.encodeInto(text, buf.subarray(pos)).written
    : (buf, text, pos) => (buf as NativeBuffer).utf8Write(text, pos, buf.length - pos);

/** How many bytes {@link writeUtf8} will write. */
export const utf8Length: (text: string) => number =
  native === undefined ? (text) => encoder.encode(text).length : (text) => native.byteLength(text);

/** The text in `[start, end)`, or `undefined` when that is not valid UTF-8. */
export const readUtf8: (buf: Uint8Array, start: number, end: number) => string | undefined =
  native === undefined
    ? (buf, start, end) => decodeStrictly(buf, start, end)
    : (buf, start, end) => {
        const text = (buf as NativeBuffer).utf8Slice(start, end);
        // Node puts U+FFFD where the bytes are wrong; only then is it worth asking whether it was sent as such.
        return text.includes("\ufffd") ? decodeStrictly(buf, start, end) : text;
      };

function decodeStrictly(buf: Uint8Array, start: number, end: number): string | undefined {
  try {
    return strict.decode(buf.subarray(start, end));
  } catch {
    return undefined;
  }
}
