/** Which stream a frame belongs to, by its number alone: odd ones are the dialer's, even ones the acceptor's. */
import { ProtocolError } from "../wire/protocol-error.js";
import { FLAG, MAX_U32 } from "./frame.js";

export type SessionRole = "dialer" | "acceptor";

/** `"known"`: one that is open; `"new"`: the peer opens it with this frame; `"gone"`: it was over before the frame came. */
export type FramePlace = "known" | "new" | "gone";

export class StreamIds {
  readonly #parity: number;
  readonly #firstPeerId: number;
  #next: number;
  /** The highest that the peer has opened. It may open lower ones later: its openers may race each other. */
  #highestOfPeer = 0;

  /** `first`: where to begin; for tests, which want to see the end. */
  constructor(role: SessionRole, first: number = role === "dialer" ? 1 : 2) {
    this.#parity = role === "dialer" ? 1 : 0;
    this.#firstPeerId = role === "dialer" ? 2 : 1;
    if (first % 2 !== this.#parity || first < 1 || first > MAX_U32) throw new RangeError(`a ${role}'s streams do not begin with ${first}`);
    this.#next = first;
  }

  /** Whether all have been used: only another session can open more. */
  get isExhausted(): boolean {
    return this.#next > MAX_U32;
  }

  take(): number {
    const id = this.#next;
    this.#next += 2;
    return id;
  }

  /** Where a data or window update frame belongs. @throws {@link ProtocolError} where no peer can have sent it. */
  place(streamId: number, flags: number, isOpen: boolean): FramePlace {
    if (streamId === 0) throw new ProtocolError("data or a window update on stream 0");
    const isOurs = streamId % 2 === this.#parity;
    if ((flags & FLAG.syn) !== 0) {
      if (isOurs) throw new ProtocolError(`the peer opens stream ${streamId}: an id of this side's`);
      if (isOpen) throw new ProtocolError(`the peer opens stream ${streamId}, which is open`);
      if (streamId > this.#highestOfPeer) this.#highestOfPeer = streamId;
      return "new";
    }
    if (isOpen) return "known";
    const wasOpened = isOurs ? streamId < this.#next : streamId <= this.#highestOfPeer && streamId >= this.#firstPeerId;
    if (!wasOpened) throw new ProtocolError(`a frame on stream ${streamId}, which was never opened`);
    return "gone";
  }
}
