/**
 * Short ASCII strings without a call into native code, which costs 45 ns whatever the length. Measured on Node 20:
 * reading 5 characters takes 20 ns, 12 take 37 ns; writing 5 takes 18 ns, 20 take 42 ns.
 */
/** Bytes up to which {@link readAscii} is the faster way. */
export const SHORT_READ = 12;
/** UTF-16 units up to which {@link writeAscii} is the faster way. */
export const SHORT_WRITE = 20;
const char = String.fromCharCode;
/** The text of `length` bytes, at most {@link SHORT_READ}; `undefined` when they are not all ASCII. */
export function readAscii(b, p, length) {
  let all = 0;
  for (let i = 0; i < length; i++) all |= b[p + i];
  if (all > 0x7f) return undefined;
  switch (length) {
    case 0:
      return "";
    case 1:
      return char(b[p]);
    case 2:
      return char(b[p], b[p + 1]);
    case 3:
      return char(b[p], b[p + 1], b[p + 2]);
    case 4:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3]);
    case 5:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4]);
    case 6:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5]);
    case 7:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6]);
    case 8:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7]);
    case 9:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8]);
    case 10:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9]);
    case 11:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10]);
    case 12:
      return char(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11]);
  }
  return undefined;
}
/** Writes `text` at `pos`, where there must be room. False when it is not all ASCII; then what stands there is of no use. */
export function writeAscii(buf, text, pos) {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return false;
    buf[pos + i] = unit;
  }
  return true;
}
