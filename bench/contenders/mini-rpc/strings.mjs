/** Ways to write a string into a buffer (`put`, gives the bytes written) and to read one (`get`). */
const SHORT_CHARS = 64;

const utf8Put = (buffer, text, at) => buffer.utf8Write(text, at);
const utf8Get = (buffer, from, to) => buffer.utf8Slice(from, to);

/** Byte by byte while it is ASCII: saves the call into C++ for a short string. */
function putByLoop(buffer, text, at) {
  if (text.length > SHORT_CHARS) return buffer.utf8Write(text, at);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return buffer.utf8Write(text, at);
    buffer[at + i] = code;
  }
  return text.length;
}

function getByLoop(buffer, from, to) {
  if (to - from > 48) return buffer.utf8Slice(from, to);
  let text = "";
  for (let i = from; i < to; i++) {
    const code = buffer[i];
    if (code > 127) return buffer.utf8Slice(from, to);
    text += String.fromCharCode(code);
  }
  return text;
}

/** Looks for a non-ASCII byte first: latin1Slice is the faster of the two. */
function getAsciiAsLatin1(buffer, from, to) {
  return isShortAscii(buffer, from, to) ? buffer.latin1Slice(from, to) : buffer.utf8Slice(from, to);
}

function isShortAscii(buffer, from, to) {
  if (to - from > 256) return false;
  for (let i = from; i < to; i++) if (buffer[i] > 127) return false;
  return true;
}

export const STRINGS = {
  native: { put: utf8Put, get: utf8Get },
  latin1: { put: (buffer, text, at) => buffer.latin1Write(text, at), get: (buffer, from, to) => buffer.latin1Slice(from, to) },
  "js-write": { put: putByLoop, get: utf8Get },
  "ascii-check": { put: utf8Put, get: getAsciiAsLatin1 },
  "js-write-ascii-check": { put: putByLoop, get: getAsciiAsLatin1 },
  js: { put: putByLoop, get: getByLoop },
};
