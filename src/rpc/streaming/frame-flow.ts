/** Frames over one stream, with the stream's own flow control: read only when asked for, written only as fast as they leave. */
import type { Duplex } from "node:stream";
import { type CallFrame, FrameAssembler } from "./call-frames.js";

export class FrameFlow {
  readonly stream: Duplex;
  readonly #assembler: FrameAssembler;
  readonly #wakeReader = (): void => this.#wake("read");
  /** Whoever waits for bytes, and for room. */
  #reading: (() => void) | undefined;
  #writing: (() => void) | undefined;

  constructor(stream: Duplex, maxMessageBytes: number) {
    this.stream = stream;
    this.#assembler = new FrameAssembler(maxMessageBytes);
    stream.on("readable", this.#wakeReader);
    stream.on("end", this.#wakeReader);
    stream.on("drain", () => this.#wake("write"));
    stream.on("close", () => {
      this.#wake("read");
      this.#wake("write");
    });
  }

  /**
   * The next frame; `undefined` when the other end has ended in order. One at a time.
   *
   * @throws what the stream failed with; {@link ProtocolError} for what is no frame.
   */
  async next(): Promise<CallFrame | undefined> {
    const { stream } = this;
    for (;;) {
      const frame = this.#assembler.next();
      if (frame !== undefined) return frame;
      const chunk = stream.destroyed ? null : (stream.read() as Buffer | null);
      if (chunk !== null) this.#assembler.push(chunk);
      else if (stream.readableEnded && !this.#assembler.isInFrame) return undefined;
      else if (stream.destroyed || stream.readableEnded) throw stream.errored ?? new Error("the stream has ended within a frame");
      else
        await new Promise<void>((resolve) => {
          this.#reading = resolve;
        });
    }
  }

  /** Resolves when another one may be written, or never will: the writer looks at what it works for. */
  async write(frame: Uint8Array): Promise<void> {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    if (this.stream.write(frame)) return;
    await new Promise<void>((resolve) => {
      this.#writing = resolve;
    });
  }

  /** Nothing more is read: what still comes is dropped, so that the stream can end. */
  discard(): void {
    this.stream.off("readable", this.#wakeReader);
    this.stream.resume();
  }

  /** Lets a writer that waits for room go on, which then sees that it need not. */
  release(): void {
    this.#wake("write");
  }

  #wake(who: "read" | "write"): void {
    const resolve = who === "read" ? this.#reading : this.#writing;
    if (who === "read") this.#reading = undefined;
    else this.#writing = undefined;
    resolve?.();
  }
}
