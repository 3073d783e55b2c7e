/** Text on the wire: UTF-8, cut at a character where it has a limit. */
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** UTF-8 of `text`; when that is longer than `max` bytes, of as many whole characters as fit. */
export function cutText(text: string, max: number): Uint8Array {
  const buffer = new Uint8Array(Math.min(max, text.length * 3));
  return buffer.subarray(0, encoder.encodeInto(text, buffer).written);
}

/** The text in `[start, end)`, for people: what is no UTF-8 is read as U+FFFD. */
export function decodeText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return decoder.decode(bytes.subarray(start, end));
}

/** The text in `bytes`, for comparing; `undefined` when they are no UTF-8. */
export function tryDecodeText(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}
