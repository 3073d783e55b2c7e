/**
 * UTF-8 by the fastest means at hand: Node's `Buffer` where there is one, else `TextEncoder` and `TextDecoder`.
 * Imports nothing, so that generated code bundles for browsers.
 */
const found = globalThis.Buffer;
const native = typeof found?.allocUnsafeSlow === "function" && typeof found.prototype?.utf8Write === "function" ? found : undefined;
const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Memory that belongs to its receiver alone; not zeroed in Node. */
export const allocate = native === undefined ? (size) => new Uint8Array(size) : (size) => native.allocUnsafeSlow(size);
/** The same memory as an object of the one class that the functions below and the optimising compiler want. */
export const normalize =
  native === undefined
    ? (bytes) => bytes
    : (bytes) => (bytes instanceof native.prototype.constructor ? bytes : native.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
/** Writes `text` at `pos`, where there must be room; lone surrogates become U+FFFD. Returns the number of bytes. */
export const writeUtf8 =
  native === undefined
    ? (buf, text, pos) => encoder.encodeInto(text, buf.subarray(pos)).written
    : (buf, text, pos) => buf.utf8Write(text, pos, buf.length - pos);
/** How many bytes {@link writeUtf8} will write. */
export const utf8Length = native === undefined ? (text) => encoder.encode(text).length : (text) => native.byteLength(text);
/** The text in `[start, end)`, or `undefined` when that is not valid UTF-8. */
export const readUtf8 =
  native === undefined
    ? (buf, start, end) => decodeStrictly(buf, start, end)
    : (buf, start, end) => {
        const text = buf.utf8Slice(start, end);
        // Node puts U+FFFD where the bytes are wrong; only then is it worth asking whether it was sent as such.
        return text.includes("\ufffd") ? decodeStrictly(buf, start, end) : text;
      };
function decodeStrictly(buf, start, end) {
  try {
    return strict.decode(buf.subarray(start, end));
  } catch {
    return undefined;
  }
}
