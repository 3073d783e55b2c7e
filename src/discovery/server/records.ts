/** What changes the store: records that a log keeps. Each says how things are, so that reading one twice harms nothing. */
import type { LogicalAddress } from "../../addr/logical-address.js";
import type { Member } from "../discovery.js";

/** A member as it is stored. One with an incarnation registered itself; that is its fencing token. */
export interface StoredMember {
  readonly member: Member;
  /** The mark of the process that registered it, 0 for none: the same process keeps its token. */
  readonly process: bigint;
}

export type StoreRecord =
  | { readonly type: "member"; readonly stored: StoredMember }
  | { readonly type: "member-gone"; readonly address: LogicalAddress }
  | { readonly type: "key"; readonly key: string; readonly value: string }
  | { readonly type: "key-gone"; readonly key: string };

/** The value of a key, and the revision of its last change. */
export interface StoredValue {
  readonly value: string;
  readonly revision: bigint;
}

/** All that a store holds, as a snapshot on disk has it. */
export interface StoreContents {
  /** Another one for each store that began anew, or lost data. */
  readonly epoch: string;
  /** How often the store was opened; the upper part of every revision since, so that revisions never repeat. */
  readonly opened: number;
  readonly revision: bigint;
  /** The highest fencing token ever given out. */
  readonly lastToken: bigint;
  readonly members: readonly StoredMember[];
  readonly keys: readonly (readonly [key: string, value: StoredValue])[];
}

/** Records of one write, which are on disk together or not at all. Each makes a revision of its own, the first one `revision`. */
export interface Batch {
  readonly revision: bigint;
  readonly records: readonly StoreRecord[];
}
