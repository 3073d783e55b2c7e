/** The same memory as a `Buffer`, which has the reads that frames need. No copy, and nothing at all for what Node.js's sockets give. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
