/**
 * Messages on their way in fragments, and those that wait behind them. Large messages take turns;
 * requests and one-way messages of one pair of nodes keep their order, so a small one waits behind a large one of its
 * own pair and of no other.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import { FRAGMENT_HEAD_BYTES, putFragmentHead } from "../wire/fragment.js";
import type { FrameWriter } from "../wire/frame-writer.js";
import { FLAGS, KIND } from "../wire/header.js";
import { HEADER_BYTES, MAX_HOPS, MAX_WHOLE_BODY_BYTES } from "../wire/limits.js";
import { type HeldMessage, remainingOf } from "./pending-queue.js";

/** Kinds whose order per pair is kept: those that start work at the receiver. */
export function isOrdered(kind: number): boolean {
  return kind === KIND.request || (kind >= KIND.post && kind <= KIND.bytes);
}

interface Sending {
  readonly message: HeldMessage;
  /** Bytes of the body that were sent. */
  offset: number;
  /** What waits behind it: undefined for replies. */
  readonly pair: string | undefined;
}

const head = new Uint8Array(FRAGMENT_HEAD_BYTES);

export class LargeMessages {
  /** At most one per pair among the ordered ones, any number of replies. */
  #sending: Sending[] = [];
  readonly #waiting = new Map<string, HeldMessage[]>();
  readonly #maxBegunBytes: number;
  readonly #pieceBytes: number;
  /** Lengths of the messages of which a part has gone out: what the peer keeps unfinished. */
  #begunBytes = 0;
  #bytes = 0;

  /**
   * `maxBegunBytes`: what the peer keeps of unfinished messages; beyond it, it would refuse them. A single one may be larger.
   * `pieceBytes`: of a message in one fragment, at most 64 KiB.
   */
  constructor(maxBegunBytes: number, pieceBytes: number) {
    this.#maxBegunBytes = maxBegunBytes;
    this.#pieceBytes = pieceBytes;
  }

  get isEmpty(): boolean {
    return this.#sending.length === 0;
  }

  /** Whether any pair is held up. */
  get hasOrdered(): boolean {
    return this.#waiting.size > 0;
  }

  /** Bytes that have not gone out yet. */
  get bytes(): number {
    return this.#bytes;
  }

  blocks(to: LogicalAddress, from: LogicalAddress): boolean {
    return this.#waiting.has(pairOf(to, from));
  }

  push(message: HeldMessage): void {
    this.#bytes += message.frame.length;
    const pair = isOrdered(message.kind) ? pairOf(message.to, message.from) : undefined;
    const behind = pair === undefined ? undefined : this.#waiting.get(pair);
    if (behind !== undefined) {
      behind.push(message);
      return;
    }
    if (pair !== undefined) this.#waiting.set(pair, []);
    this.#sending.push({ message, offset: 0, pair });
  }

  /**
   * Writes one fragment each of those whose turn it is, `maxFragments` in all; gives the small messages that are free to go
   * now, and tells `onSent` of each ordered one that is out.
   */
  pump(writer: FrameWriter, now: number, maxFragments: number, onSent: (message: HeldMessage) => void): HeldMessage[] {
    const freed: HeldMessage[] = [];
    const still: Sending[] = [];
    const served: Sending[] = [];
    let left = maxFragments;
    let held = false;
    for (const sending of this.#sending) {
      // Those that are not begun wait in their order, or a large one would wait for ever behind smaller ones.
      held ||= sending.offset === 0 && !this.#hasRoom(sending);
      if (left === 0 || (held && sending.offset === 0)) {
        still.push(sending);
        continue;
      }
      left--;
      if (!this.#writeFragment(writer, sending, now)) {
        served.push(sending);
        continue;
      }
      this.#bytes -= HEADER_BYTES;
      this.#begunBytes -= totalOf(sending);
      if (sending.pair !== undefined) onSent(sending.message);
      const next = sending.pair === undefined ? undefined : this.#advance(sending.pair, freed);
      if (next !== undefined) served.push(next);
    }
    this.#sending = [...still, ...served];
    return freed;
  }

  /** Takes a message out: "partly" when fragments of it have gone out, so that the peer must be told. */
  remove(to: LogicalAddress, epoch: number, seq: number): "whole" | "partly" | "absent" {
    const isIt = (message: HeldMessage): boolean =>
      message.seq === seq && message.to === to && message.epoch === epoch && isOrdered(message.kind);
    const index = this.#sending.findIndex((sending) => isIt(sending.message));
    if (index >= 0) {
      const [sending] = this.#sending.splice(index, 1);
      this.#bytes -= sending!.message.frame.length - sending!.offset;
      if (sending!.offset > 0) this.#begunBytes -= totalOf(sending!);
      // Those behind it go on: the first of them takes its place, large or not.
      const [first, ...others] = this.#waiting.get(sending!.pair!)!;
      if (first === undefined) this.#waiting.delete(sending!.pair!);
      else {
        this.#waiting.set(sending!.pair!, others);
        this.#sending.push({ message: first, offset: 0, pair: sending!.pair });
      }
      return sending!.offset > 0 ? "partly" : "whole";
    }
    for (const waiting of this.#waiting.values()) {
      const at = waiting.findIndex(isIt);
      if (at < 0) continue;
      this.#bytes -= waiting[at]!.frame.length;
      waiting.splice(at, 1);
      return "whole";
    }
    return "absent";
  }

  /** Tells the peer to drop the fragments that it has. */
  writeAbort(writer: FrameWriter, to: LogicalAddress, from: LogicalAddress, epoch: number, seq: number): void {
    putFragmentHead(head, 0, KIND.request, 0, 0, 0);
    writer.begin(FRAGMENT_HEAD_BYTES).raw(head);
    writer.commit(KIND.fragment, FLAGS.abort, MAX_HOPS, to, from, epoch, seq, 0);
  }

  /** All that was not wholly sent, in order per pair. */
  takeAll(): HeldMessage[] {
    const messages: HeldMessage[] = [];
    for (const sending of this.#sending) {
      messages.push(sending.message);
      if (sending.pair !== undefined) messages.push(...this.#waiting.get(sending.pair)!);
    }
    this.#sending = [];
    this.#waiting.clear();
    this.#bytes = 0;
    this.#begunBytes = 0;
    return messages;
  }

  /** A large message of `pair` is done: small ones behind it are free, up to the next large one, which is given. */
  #advance(pair: string, freed: HeldMessage[]): Sending | undefined {
    const waiting = this.#waiting.get(pair)!;
    let count = 0;
    for (; count < waiting.length; count++) {
      const message = waiting[count]!;
      if (message.frame.length - HEADER_BYTES > MAX_WHOLE_BODY_BYTES) {
        this.#waiting.set(pair, waiting.slice(count + 1));
        return { message, offset: 0, pair };
      }
      this.#bytes -= message.frame.length;
      freed.push(message);
    }
    this.#waiting.delete(pair);
    return undefined;
  }

  #hasRoom(sending: Sending): boolean {
    return this.#begunBytes === 0 || this.#begunBytes + totalOf(sending) <= this.#maxBegunBytes;
  }

  /** True when it was the last one. */
  #writeFragment(writer: FrameWriter, sending: Sending, now: number): boolean {
    const { message } = sending;
    const total = totalOf(sending);
    if (sending.offset === 0) this.#begunBytes += total;
    const size = Math.min(this.#pieceBytes, total - sending.offset);
    const at = HEADER_BYTES + sending.offset;
    putFragmentHead(head, 0, message.kind, message.flags, total, sending.offset);
    writer
      .begin(FRAGMENT_HEAD_BYTES + size)
      .raw(head)
      .raw(message.frame.subarray(at, at + size));
    writer.commit(KIND.fragment, 0, MAX_HOPS, message.to, message.from, message.epoch, message.seq, remainingOf(message, now));
    sending.offset += size;
    this.#bytes -= size;
    return sending.offset === total;
  }
}

function totalOf({ message }: Sending): number {
  return message.frame.length - HEADER_BYTES;
}

function pairOf(to: LogicalAddress, from: LogicalAddress): string {
  return `${to}:${from}`;
}
