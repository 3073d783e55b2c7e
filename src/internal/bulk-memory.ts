/** What a process that reads much asks of its memory allocator (docs/decisions/0015-freed-memory-is-kept.md). */
const BULK_BYTES = 16 * 1024 ** 2;
/** The most from which glibc learns, less what it adds itself. */
const LESSON_BYTES = 32 * 1024 ** 2 - 64 * 1024;

let read = 0;
let isDone = process.platform !== "linux";

/**
 * So many bytes were read from a connection. At the first 16 MiB a block is allocated, never touched and let go of: glibc, which
 * otherwise gives freed memory back to the system at once, from then on keeps up to twice as much for the next reads. Later it does nothing.
 */
export function countRead(bytes: number): void {
  if (isDone) return;
  read += bytes;
  if (read < BULK_BYTES) return;
  isDone = true;
  Buffer.allocUnsafeSlow(LESSON_BYTES);
}
