/** Pickers: "some node of this type", decided anew at each attempt. Browser-safe. */
import type { LogicalAddress } from "../addr/logical-address.js";

/** What a policy function gets to choose from. */
export interface Candidate {
  readonly address: LogicalAddress;
  readonly endpoint: string;
  readonly load?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly version?: string | undefined;
}

/**
 * How one node of a type is chosen among those that are visible and available. Nodes that could not be reached lately are
 * left out where there are others.
 *
 * - `"random"`: the default.
 * - `"round-robin"`: one after the other in order of address, from a random start.
 * - `"least-load"`: the less loaded of two at random, by the loads that the nodes report (`node.reportLoad`). Loads even out, and
 *   many callers do not all run to one node between two reports. Who reports none is taken for idle.
 * - `{ hash: key }`: rendezvous hashing, the same key goes to the same node and moves only when discovery takes that node
 *   away, not when it is merely unreachable.
 * - `{ fillBelow: capacity }`: fills one node after the other: the fullest one whose load is below `capacity`, and that one until it is
 *   full. One that was full is filled again below nine tenths of it. When all are full, as `"least-load"`. Loads are reported with a delay:
 *   leave room above `capacity` for what comes meanwhile.
 * - a function.
 */
export type BasicPolicy =
  | "random"
  | "round-robin"
  | "least-load"
  | { readonly hash: string | number | bigint }
  | { readonly fillBelow: number }
  | ((members: readonly Candidate[]) => Candidate | undefined);

/** Only nodes with this metadata, and one of those by `policy`, `"random"` by default: `{ where: { mode: "ranked" }, policy: "least-load" }`. */
export interface WherePolicy {
  readonly where: Readonly<Record<string, string>>;
  readonly policy?: BasicPolicy | undefined;
}

export type Policy = BasicPolicy | WherePolicy;

export interface Picker {
  readonly type: number;
  readonly policy: Policy;
}

/** Prints as what it is in messages and logs. */
class TypePicker implements Picker {
  readonly type: number;
  readonly policy: Policy;

  constructor(type: number, policy: Policy) {
    this.type = type;
    this.policy = policy;
  }

  toString(): string {
    return `any node of type ${this.type}`;
  }
}

/** A target: a node of `type`, chosen by `policy` at each attempt, so that a retry after `notRun` reaches another one. */
export function byType(type: number, policy: Policy = "random"): Picker {
  return new TypePicker(type, policy);
}
