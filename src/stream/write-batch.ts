/** What one `_write` or `_writev` gave a stream to send: its chunks, until the last byte has been copied out. */
import type { Buffer } from "node:buffer";

export type WriteCallback = (error?: Error | null) => void;

export class WriteBatch {
  /** Bytes at the beginning. */
  readonly size: number;
  /** Bytes not copied out yet. */
  left: number;
  readonly #callback: WriteCallback;
  #chunk: Buffer;
  #offset = 0;
  readonly #chunks: readonly { readonly chunk: Buffer }[] | undefined;
  #next = 1;

  /** `chunks`, when there are several, begin with `first`. */
  constructor(first: Buffer, chunks: readonly { readonly chunk: Buffer }[] | undefined, callback: WriteCallback) {
    let size = first.length;
    if (chunks !== undefined) for (let index = 1; index < chunks.length; index++) size += chunks[index]!.chunk.length;
    this.size = size;
    this.left = size;
    this.#chunk = first;
    this.#chunks = chunks;
    this.#callback = callback;
  }

  /** Copies the next `bytes` to `out[at]`; at least as many are left. */
  copyTo(out: Buffer, at: number, bytes: number): void {
    this.left -= bytes;
    let to = at;
    let wanted = bytes;
    while (wanted > 0) {
      const end = Math.min(this.#chunk.length, this.#offset + wanted);
      this.#chunk.copy(out, to, this.#offset, end);
      to += end - this.#offset;
      wanted -= end - this.#offset;
      this.#offset = end;
      if (wanted > 0) {
        this.#chunk = this.#chunks![this.#next++]!.chunk;
        this.#offset = 0;
      }
    }
  }

  /** Tells the writer that its bytes were sent, or why they never will be. */
  settle(error: Error | null): void {
    this.#callback(error);
  }
}
