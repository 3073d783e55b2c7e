/**
 * Looks at what harbors pass on: nothing that is not theirs to say, with fewer hops than it came with, in the order in which it
 * came, and not more often than there are hops. Shared by all connections of a run.
 */
import { addressGroup, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { type FrameHeader, KIND, seqBefore } from "../wire/header.js";
import { MAX_HOPS } from "../wire/limits.js";
import type { SimProcess } from "./sim-process.js";

/** One message of a pair, or a piece of it, as a connection carries it. */
export interface Carried {
  readonly header: FrameHeader;
  /** What it is: a fragment has the kind of its message, and its place in it. */
  readonly kind: number;
  readonly offset: number;
}

/** Frames of one message that a run remembers; the oldest are forgotten. */
const MAX_MESSAGES = 200_000;

export class RelayWatch {
  /** By pair and sender's life: the connections over which each process has sent its messages. */
  readonly #ways = new Map<string, Map<SimProcess, Set<object>>>();
  readonly #last = new Map<string, Map<object, number>>();
  readonly #passes = new Map<string, number>();

  /** What is wrong with a frame that `by` passes on for others, or says in their name; `undefined` when nothing is. */
  faultOf(by: SimProcess, { header, kind, offset }: Carried): string | undefined {
    const { epoch, from, hops, seq, to } = header;
    if (!isHarbor(by.address)) return "comes from another address than its sender's";
    if (kind === KIND.hopError && hops === MAX_HOPS) return undefined; // its own word, in the name of the target
    if (addressGroup(from as LogicalAddress) === addressGroup(to as LogicalAddress)) return "is passed on within a group";
    if (hops >= MAX_HOPS) return "is passed on with all its hops";
    if (kind === KIND.gone) return undefined; // has no number
    const message = `${from} ${epoch} ${seq} ${to} ${kind} ${offset}`;
    const passes = (this.#passes.get(message) ?? 0) + 1;
    if (this.#passes.size >= MAX_MESSAGES) this.#passes.delete(this.#passes.keys().next().value!);
    this.#passes.set(message, passes);
    return passes >= MAX_HOPS ? `is passed on ${passes} times` : undefined;
  }

  /** A message that keeps its order goes out. What is wrong with it; as long as each process had one connection for the pair, nothing can have overtaken it. */
  orderFaultOf(by: SimProcess, connection: object, { epoch, from, seq, to }: FrameHeader): string | undefined {
    const pair = `${from} ${epoch} ${to}`;
    const ways = this.#ways.get(pair) ?? new Map<SimProcess, Set<object>>();
    this.#ways.set(pair, ways.set(by, (ways.get(by) ?? new Set()).add(connection)));
    const lasts = this.#last.get(pair) ?? new Map<object, number>();
    const last = lasts.get(connection);
    this.#last.set(pair, lasts.set(connection, seq));
    if (last === undefined || seqBefore(last, seq) || [...ways.values()].some(({ size }) => size > 1)) return undefined;
    return `is passed on after ${last}, and came before it`;
  }
}
