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
 * `"random"` (default); `"round-robin"`; `{ hash: key }`: rendezvous hashing, the same key goes to the same node and
 * moves only when discovery takes that node away, not when it is merely unreachable; a function.
 */
export type Policy =
  | "random"
  | "round-robin"
  | { readonly hash: string | number | bigint }
  | ((members: readonly Candidate[]) => Candidate | undefined);

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
