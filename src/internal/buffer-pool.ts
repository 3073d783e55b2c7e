/**
 * Buffers for what links write in one turn. A link borrows one at its first frame of a turn and gives it back when the
 * bytes have left, so that idle links own no memory.
 */
export const POOLED_BYTES = 256 * 1024;
const MAX_POOLED = 32;

const free: Buffer[] = [];

export function takeBuffer(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(POOLED_BYTES);
}

/** Only for buffers that nobody reads any more. Larger ones that a big message made are left to the collector. */
export function giveBuffer(buffer: Uint8Array): void {
  if (buffer.byteLength === POOLED_BYTES && free.length < MAX_POOLED) free.push(buffer as Buffer);
}
