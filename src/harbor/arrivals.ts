/**
 * What came last from each sender of another group, at its receiver. When a sender changes its harbor, frames that it sent over
 * the old one may come behind those sent later over the new one: too late, for they would break the order of messages. So
 * they are not taken. (The sender counts per target, and each harbor keeps the order of what it passes on.)
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import { seqBefore } from "../wire/header.js";

/** Senders that are remembered. The one that was heard of first is forgotten, and only its order over a change of harbor with it. */
const MAX_SENDERS = 65_536;

/** The last two lives of a sender: frames of an old one may still come when the new one has begun. */
interface Sender {
  readonly from: LogicalAddress;
  epoch: number;
  last: number;
  earlierEpoch: number | undefined;
  earlierLast: number;
}

export class Arrivals {
  readonly #senders = new Map<LogicalAddress, Sender>();
  #recent: Sender | undefined;

  get size(): number {
    return this.#senders.size;
  }

  /** Hot path. Whether the message is in time; then it counts as the last. */
  take(from: LogicalAddress, epoch: number, seq: number): boolean {
    let sender = this.#recent;
    if (sender === undefined || sender.from !== from) {
      sender = this.#senders.get(from);
      if (sender === undefined) return this.#add(from, epoch, seq);
      this.#recent = sender;
    }
    if (sender.epoch === epoch) {
      if (!seqBefore(sender.last, seq)) return false;
      sender.last = seq;
      return true;
    }
    return takeOfOther(sender, epoch, seq);
  }

  #add(from: LogicalAddress, epoch: number, seq: number): boolean {
    if (this.#senders.size >= MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value!);
    this.#recent = { from, epoch, last: seq, earlierEpoch: undefined, earlierLast: 0 };
    this.#senders.set(from, this.#recent);
    return true;
  }
}

/** Epochs have no order: which of two lives is the later one is not known here, so each has numbers of its own. */
function takeOfOther(sender: Sender, epoch: number, seq: number): boolean {
  const { epoch: presentEpoch, last } = sender;
  if (sender.earlierEpoch === epoch && !seqBefore(sender.earlierLast, seq)) return false;
  sender.earlierEpoch = presentEpoch;
  sender.earlierLast = last;
  sender.epoch = epoch;
  sender.last = seq;
  return true;
}
