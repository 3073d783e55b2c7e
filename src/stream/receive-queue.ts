/**
 * What has arrived on a stream and was not asked for yet. Pieces are views of the chunks that a connection read; small
 * ones are copied, and joined, so that a few unread bytes do not keep a whole chunk, and many tiny frames not many objects.
 */

/** Joined pieces grow by doubling, up to this. */
const MAX_JOINED_BYTES = 16 * 1024;
const MIN_JOINED_BYTES = 256;
/** Pieces that were taken and are dropped together; with large ones of 64 KiB they keep 1 MiB at most meanwhile. */
const MIN_DROPPED = 16;

export class ReceiveQueue {
  #pieces: Buffer[] = [];
  #head = 0;
  /** The last piece when it is ours to append to: its memory, of which the piece is the beginning. */
  #open: Buffer | undefined;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  push(chunk: Buffer, start: number, end: number): void {
    const size = end - start;
    this.#bytes += size;
    if (!isSmallPart(chunk, size)) {
      this.#open = undefined;
      this.#pieces.push(chunk.subarray(start, end));
    } else if (!this.#append(chunk, start, end)) {
      this.#open = undefined;
      this.#pieces.push(copyOf(chunk, start, end));
    }
  }

  /** The next piece; `undefined` when there is none. */
  shift(): Buffer | undefined {
    if (this.#head === this.#pieces.length) return undefined;
    const piece = this.#pieces[this.#head]!;
    this.#bytes -= piece.length;
    this.#dropFirst();
    return piece;
  }

  /** Copies the next `bytes` to `out[at]` and lets go of them; at least as many wait. */
  copyTo(out: Buffer, at: number, bytes: number): void {
    this.#bytes -= bytes;
    let to = at;
    let wanted = bytes;
    while (wanted > 0) {
      const piece = this.#pieces[this.#head]!;
      const taken = Math.min(wanted, piece.length);
      piece.copy(out, to, 0, taken);
      to += taken;
      wanted -= taken;
      if (taken === piece.length) {
        this.#dropFirst();
      } else {
        this.#pieces[this.#head] = piece.subarray(taken);
        if (this.#head === this.#pieces.length - 1) this.#open = undefined; // its memory begins elsewhere now
      }
    }
  }

  /** What was taken is not kept, however long the queue is never empty. */
  #dropFirst(): void {
    this.#head++;
    if (this.#head === this.#pieces.length) {
      this.#pieces = [];
      this.#head = 0;
      this.#open = undefined; // handed out: not ours any more
    } else if (this.#head >= MIN_DROPPED && this.#head * 2 >= this.#pieces.length) {
      this.#pieces.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Joins a small piece to the last one. False when that is none of ours, or full. */
  #append(chunk: Buffer, start: number, end: number): boolean {
    const { length } = this.#pieces;
    if (length === this.#head) return false;
    const last = this.#pieces[length - 1]!;
    const total = last.length + end - start;
    if (total > MAX_JOINED_BYTES) return false;
    let memory = this.#open;
    if (memory === undefined || memory.length < total) {
      memory = Buffer.allocUnsafeSlow(Math.min(MAX_JOINED_BYTES, Math.max(MIN_JOINED_BYTES, 2 * total)));
      last.copy(memory);
      this.#open = memory;
    }
    chunk.copy(memory, last.length, start, end);
    this.#pieces[length - 1] = memory.subarray(0, total);
    return true;
  }
}

/** Whether keeping a view of so many bytes would keep more than twice the memory. */
export function isSmallPart(chunk: Buffer, size: number): boolean {
  return size < chunk.buffer.byteLength / 2;
}

/** The bytes in memory of their own. */
export function copyOf(chunk: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  chunk.copy(copy, 0, start, end);
  return copy;
}
