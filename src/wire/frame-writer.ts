/**
 * Frames of one link, encoded in place into one buffer per turn: `begin` opens a body behind room for a header, the
 * message's own encoder writes into it, `commit` fills in the header, and the link sends all of it with one write.
 */
import { giveBuffer, POOLED_BYTES, takeBuffer } from "../internal/buffer-pool.js";
import { BinaryWriter } from "../protobuf/binary-writer.js";
import { putHeader } from "./header.js";
import { HEADER_BYTES } from "./limits.js";

/** An encoder sent another message over the same link, from a getter perhaps, while its own was half written. */
export class NestedEncodingError extends Error {
  override readonly name = "NestedEncodingError";
  constructor() {
    super("a message cannot be sent from inside the encoding of another one (from a getter?)");
  }
}

/** From here on a turn's buffer is sent before another message is begun: any that travels whole then fits without growth. */
const NEARLY_FULL = POOLED_BYTES / 2;

/** Of a buffer that is given away with the body in it: what is not used stays in memory as long. */
const LEAST_USED = 0.75;

export class FrameWriter {
  #body = new BinaryWriter();
  #buffer: Uint8Array | undefined;
  #length = 0;
  /** Buffers that the transport has not written yet. */
  #lent: Uint8Array[] = [];
  /** Between `begin` and `commit`, `extract` or `abandon`. */
  #open = false;

  /** Bytes of whole frames that wait to be sent. */
  get length(): number {
    return this.#length;
  }

  /** Whether a body was begun, and neither committed, extracted nor abandoned. */
  get isOpen(): boolean {
    return this.#open;
  }

  get nearlyFull(): boolean {
    return this.#length > NEARLY_FULL && !this.#open;
  }

  /**
   * Where a body is written to; nothing counts until `commit`, a body that failed is forgotten by `abandon`.
   *
   * @throws {@link NestedEncodingError} while another body is open, which stays as it is: it is not to be abandoned.
   */
  begin(maxBodyBytes: number): BinaryWriter {
    if (this.#open) throw new NestedEncodingError();
    this.#open = true;
    const start = this.#length + HEADER_BYTES;
    if (this.#buffer === undefined) this.#buffer = takeBuffer();
    else if (start > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(start * 2);
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    return this.#body.attach(this.#buffer, start, start + maxBodyBytes);
  }

  /** Bytes of the body begun last. */
  get bodyLength(): number {
    return this.#body.pos - this.#length - HEADER_BYTES;
  }

  /** Hot path. The body begun last becomes a frame. */
  commit(kind: number, flags: number, hops: number, to: number, from: number, epoch: number, seq: number, remainingMs: number): void {
    this.#adopt();
    const end = this.#body.pos;
    putHeader(this.#buffer!, this.#length, end, kind, flags, hops, to, from, epoch, seq, remainingMs);
    this.#length = end;
  }

  /** The body begun last, in memory of its own with room for a header in front; it is not committed. */
  extract(): Buffer {
    this.#adopt();
    const buffer = this.#buffer!;
    // One that grew for this very body is nobody else's: to copy megabytes takes as long as to encode them.
    if (this.#length === 0 && buffer.length > POOLED_BYTES && this.#body.pos >= buffer.length * LEAST_USED) {
      this.#buffer = undefined;
      return (buffer as Buffer).subarray(0, this.#body.pos);
    }
    const frame = Buffer.allocUnsafeSlow(this.#body.pos - this.#length);
    (this.#buffer as Buffer).copy(frame, 0, this.#length, this.#body.pos);
    if (this.#length === 0) this.#release();
    return frame;
  }

  /** Forgets the body begun last, and lets go of the buffer when nothing else is in it. */
  abandon(): void {
    this.#open = false;
    if (this.#length === 0) this.#release();
  }

  /** Hot path of relays. Whole frames as they are, one or many: `frames[start, end)` is copied once. @throws {@link NestedEncodingError} while a body is open. */
  append(frames: Uint8Array, start = 0, end = frames.length): void {
    if (this.#open) throw new NestedEncodingError();
    const length = this.#length + end - start;
    if (this.#buffer === undefined) this.#buffer = length > POOLED_BYTES ? Buffer.allocUnsafeSlow(length) : takeBuffer();
    else if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(length * 2);
      grown.set(this.#buffer.subarray(0, this.#length));
      giveBuffer(this.#buffer);
      this.#buffer = grown;
    }
    this.#buffer.set(frames.subarray(start, end), this.#length);
    this.#length = length;
  }

  /**
   * Hands all frames to `write` at once. When it says that they have left, the buffer is used again; otherwise the
   * transport keeps it until {@link drained}. A body that is open then is lost.
   */
  flush(write: (bytes: Uint8Array) => boolean): void {
    const buffer = this.#buffer;
    if (buffer === undefined || this.#length === 0) return;
    const bytes = buffer.subarray(0, this.#length);
    const orphaned = this.#orphan();
    this.#buffer = undefined;
    this.#length = 0;
    if (!write(bytes)) this.#lent.push(buffer);
    else if (!orphaned) giveBuffer(buffer);
  }

  /** The transport keeps no buffer any longer. */
  drained(): void {
    for (const buffer of this.#lent) giveBuffer(buffer);
    this.#lent = [];
  }

  /** Forgets what was not sent, a body that is open too. */
  discard(): void {
    this.#length = 0;
    if (this.#orphan()) this.#buffer = undefined;
    else this.#release();
  }

  #release(): void {
    if (this.#buffer !== undefined) giveBuffer(this.#buffer);
    this.#buffer = undefined;
  }

  /**
   * The link ends, or sends, while a body is open: by its very encoder, which goes on writing. It keeps the writer and the
   * buffer to itself, so that nothing of others is overwritten. True when there was one.
   */
  #orphan(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#body = new BinaryWriter();
    return true;
  }

  /** The body writer replaces the buffer when a message outgrows it. */
  #adopt(): void {
    if (!this.#open) throw new Error("no body is open: what its encoder did has ended the link or sent its frames");
    this.#open = false;
    const grown = this.#body.buf;
    if (grown === this.#buffer) return;
    if (this.#buffer !== undefined) giveBuffer(this.#buffer);
    this.#buffer = grown;
  }
}
