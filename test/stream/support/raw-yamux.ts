/** A session whose peer is the test: it hands in bytes and looks at the frames that come out. */
import { systemRandom } from "../../../src/internal/system-clock.js";
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES, TYPE, type YamuxFrame } from "../../../src/stream/frame.js";
import { Session, type SessionConnection } from "../../../src/stream/session.js";
import { resolveSessionOptions, type SessionOptions } from "../../../src/stream/session-options.js";
import type { SessionRole } from "../../../src/stream/stream-ids.js";
import type { YamuxStream } from "../../../src/stream/yamux-stream.js";
import type { ConnectionHandler } from "../../../src/transport/transport.js";
import { FakeClock } from "../../support/fake-clock.js";

export interface SeenFrame extends Omit<YamuxFrame, "version"> {
  readonly payload: string;
}

/** Keeps what is written; takes it all, until `isFull` is set. */
export class RawConnection implements SessionConnection {
  readonly remote = "test:1";
  isFull = false;
  bufferedBytes = 0;
  readonly writes: Buffer[] = [];
  state: "open" | "ended" | "destroyed" = "open";
  handler: ConnectionHandler | undefined;

  setHandler(handler: ConnectionHandler): void {
    this.handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    this.writes.push(Buffer.from(bytes));
    if (this.isFull) this.bufferedBytes += bytes.length;
    return !this.isFull;
  }

  end(): void {
    if (this.state === "open") this.state = "ended";
  }

  destroy(): void {
    this.state = "destroyed";
  }

  drain(): void {
    this.isFull = false;
    this.bufferedBytes = 0;
    this.handler!.onDrain();
  }
}

export class RawYamux {
  readonly clock = new FakeClock();
  readonly connection = new RawConnection();
  readonly offered: YamuxStream[] = [];
  readonly unavailable: string[] = [];
  /** What `onClose` was called with, each time. */
  readonly closed: (Error | undefined)[] = [];
  /** What streams failed with, by id. */
  readonly errors = new Map<number, Error>();
  readonly session: Session;

  /** `takes`: whether streams that are offered are accepted at once. */
  constructor(role: SessionRole, options: SessionOptions = {}, takes = true) {
    const handler = {
      onStream: (stream: YamuxStream) => {
        this.offered.push(this.watch(stream));
        if (takes) stream.accept();
      },
      onUnavailable: (why: string) => void this.unavailable.push(why),
      onClose: (error: Error | undefined) => void this.closed.push(error),
    };
    this.session = new Session(this.connection, role, handler, resolveSessionOptions({ keepaliveMs: false, ...options }), {
      clock: this.clock,
      random: systemRandom,
    });
  }

  watch(stream: YamuxStream): YamuxStream {
    return stream.on("error", (error) => this.errors.set(stream.id, error));
  }

  open(): YamuxStream {
    return this.watch(this.session.open());
  }

  /** The peer sends a frame. */
  async send(type: number, flags: number, streamId: number, lengthOrPayload: number | string = 0): Promise<void> {
    const payload = typeof lengthOrPayload === "string" ? Buffer.from(lengthOrPayload) : undefined;
    await this.sendBytes(encodeFrame(type, flags, streamId, payload === undefined ? (lengthOrPayload as number) : 0, payload));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    this.connection.handler!.onData(bytes);
    await this.clock.settle();
  }

  /** The frames written since the last look. */
  async frames(): Promise<SeenFrame[]> {
    await this.clock.settle();
    const bytes = Buffer.concat(this.connection.writes.splice(0));
    const frames: SeenFrame[] = [];
    for (let at = 0; at < bytes.length; ) {
      const { type, flags, streamId, length } = decodeFrame(bytes, at);
      at += FRAME_HEADER_BYTES;
      const payloadBytes = type === TYPE.data ? length : 0;
      frames.push({ type, flags, streamId, length, payload: bytes.toString("latin1", at, at + payloadBytes) });
      at += payloadBytes;
    }
    return frames;
  }

  /** The same as text: `"update ack 2 0"`, `"data 1 hello"`. */
  async said(): Promise<string[]> {
    return (await this.frames()).map(frameText);
  }
}

const TYPE_NAMES = ["data", "update", "ping", "go-away"];
const FLAG_NAMES = ["syn", "ack", "fin", "rst"];

function frameText({ type, flags, streamId, length, payload }: SeenFrame): string {
  const names = FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0);
  const what = type === TYPE.data ? (payload.length > 40 ? `${payload.length} bytes` : payload) : String(length);
  return [TYPE_NAMES[type], ...names, streamId, what].join(" ").trimEnd();
}
