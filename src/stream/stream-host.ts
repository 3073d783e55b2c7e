/** What a stream needs of its session. */
import type { WriterSource } from "./writer.js";

export interface StreamHost<Stream extends WriterSource> {
  /** The other end's network address, for messages. */
  readonly remote: string;
  /** The most that a reader may ask for at once. */
  readonly maxUnreadBytes: number;
  /** Milliseconds. */
  readonly now: number;
  control(type: number, flags: number, streamId: number, length: number): void;
  /** The stream has something to send. */
  ready(stream: Stream): void;
  /** The bytes that the application has not read became more, or fewer. */
  unreadChanged(delta: number): void;
  /** This side has acknowledged a stream of the peer. */
  accepted(stream: Stream): void;
  /** Both sides have ended the stream. */
  finished(): void;
  /** The stream is over, and named to nobody any more. `resetCode`: the peer has to be told. */
  over(stream: Stream, resetCode: number | undefined): void;
}
