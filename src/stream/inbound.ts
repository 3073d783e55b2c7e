/** What the peer's frames mean: bytes of one connection to streams, and to what the session as a whole is told. */
import { ProtocolError } from "../wire/protocol-error.js";
import { FLAG, TYPE } from "./frame.js";
import { FrameReader, type FrameSink } from "./frame-reader.js";
import { RESET } from "./reset-code.js";
import type { StreamIds } from "./stream-ids.js";
import type { YamuxStream } from "./yamux-stream.js";

/** What a session does about frames. */
export interface InboundTarget {
  /** Open streams by id. */
  find(streamId: number): YamuxStream | undefined;
  /** The peer opens a stream; `undefined`: it is not taken. */
  offer(streamId: number): YamuxStream | undefined;
  /** The peer has accepted a stream of this side. */
  acknowledged(stream: YamuxStream): void;
  /** The peer asks for an answer. */
  onPing(value: number): void;
  onPong(value: number): void;
  onGoAway(code: number): void;
}

export class Inbound implements FrameSink {
  /** Frames for streams that were over when they came. */
  strayFrames = 0;
  resets = 0;
  bytes = 0;
  readonly #target: InboundTarget;
  readonly #ids: StreamIds;
  readonly #reader = new FrameReader(this);
  /** Where the payload that comes belongs; `undefined`: nowhere. */
  #receiving: YamuxStream | undefined;
  #receivingFin = false;

  constructor(target: InboundTarget, ids: StreamIds) {
    this.#target = target;
    this.#ids = ids;
  }

  /** @throws {@link ProtocolError} for what is against the rules; nothing more is read after that. */
  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#reader.push(chunk);
  }

  /** Nothing more is read, also of the chunk that is being read. */
  stop(): void {
    this.#reader.stop();
    this.#receiving = undefined;
  }

  /** The stream is over: the rest of a frame for it passes by. */
  forget(stream: YamuxStream): void {
    if (this.#receiving === stream) this.#receiving = undefined;
  }

  onFrame(type: number, flags: number, streamId: number, length: number): void {
    if (type === TYPE.data) this.#onData(flags, streamId, length);
    else if (type === TYPE.windowUpdate) this.#onWindowUpdate(flags, streamId, length);
    else if (streamId !== 0) throw new ProtocolError(`a ${type === TYPE.ping ? "ping" : "go-away"} on stream ${streamId}`);
    else if (type === TYPE.goAway) this.#target.onGoAway(length);
    else if ((flags & FLAG.syn) !== 0) this.#target.onPing(length);
    else this.#target.onPong(length);
  }

  onPayload(chunk: Buffer, start: number, end: number, isLast: boolean): void {
    const stream = this.#receiving;
    if (stream === undefined) return;
    stream.receive(chunk, start, end);
    if (!isLast) return;
    this.#receiving = undefined;
    if (this.#receivingFin) stream.receiveFin();
  }

  #onData(flags: number, streamId: number, length: number): void {
    this.#receiving = undefined;
    if ((flags & FLAG.rst) !== 0) return this.#onReset(flags, streamId, RESET.unspecified);
    const stream = this.#streamFor(flags, streamId, length > 0);
    if (stream === undefined) return;
    stream.checkCredit(length);
    const hasEnd = (flags & FLAG.fin) !== 0;
    if (length === 0) {
      if (hasEnd) stream.receiveFin();
      return;
    }
    this.#receiving = stream;
    this.#receivingFin = hasEnd;
  }

  #onWindowUpdate(flags: number, streamId: number, length: number): void {
    if ((flags & FLAG.rst) !== 0) return this.#onReset(flags, streamId, length);
    const stream = this.#streamFor(flags, streamId, false);
    if (stream === undefined) return;
    if (length > 0) stream.addCredit(length);
    if ((flags & FLAG.fin) !== 0) stream.receiveFin();
  }

  /** The stream that a frame is for, also one that it opens; `undefined`: there is none, or none any more. */
  #streamFor(flags: number, streamId: number, hasPayload: boolean): YamuxStream | undefined {
    let stream = this.#target.find(streamId);
    const place = this.#ids.place(streamId, flags, stream !== undefined);
    if (place === "gone") this.strayFrames++;
    if (place === "new") stream = this.#target.offer(streamId);
    if (stream === undefined) return undefined;
    if (stream.finReceived && (hasPayload || (flags & FLAG.fin) !== 0))
      throw new ProtocolError(`${hasPayload ? "data" : "an end"} on stream ${streamId} behind its end`);
    // Whoever sends on a stream has taken it: some peers do not acknowledge one that was ended first.
    if (stream.opening === "asked") this.#target.acknowledged(stream);
    return stream;
  }

  #onReset(flags: number, streamId: number, code: number): void {
    const stream = this.#target.find(streamId);
    this.#ids.place(streamId, flags, stream !== undefined);
    if (stream === undefined) return;
    this.resets++;
    if ((flags & FLAG.ack) !== 0 && stream.opening === "asked") this.#target.acknowledged(stream);
    stream.receiveReset(code);
  }
}
