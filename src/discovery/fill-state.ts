/** Filling one node after the other up to a capacity, without going to and fro between two that are about as full. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Member } from "./discovery.js";
import { indexIn, loadOf } from "./sorted-members.js";

/** A node that was full is filled again when its load is below this share of the capacity. */
const AGAIN_BELOW = 0.9;

export class FillState {
  readonly #capacity: number;
  readonly #full = new Set<LogicalAddress>();
  /** The one that is being filled. */
  #current: LogicalAddress | undefined;
  /** What the candidates were when nobody had room: to look again is no use until they change. */
  #noRoomAt: number | undefined;

  constructor(capacity: number, members: readonly Member[]) {
    this.#capacity = capacity;
    for (const member of members) this.put(member);
  }

  put(member: Member): void {
    const load = loadOf(member);
    if (load >= this.#capacity) this.#full.add(member.address);
    else if (load < this.#capacity * AGAIN_BELOW) this.#full.delete(member.address);
  }

  take(address: LogicalAddress): void {
    this.#full.delete(address);
  }

  /**
   * The one that is being filled while it has room, else the fullest one that has; `undefined` when nobody has. Looks at all of
   * them only when that one is full, gone or left out.
   *
   * @param version - changes when the members do.
   * @param not - left out.
   */
  choose(members: readonly Member[], version: number, not: LogicalAddress | undefined): Member | undefined {
    if (this.#noRoomAt === version) return undefined;
    let current = members[indexIn(members, this.#current)];
    if (current === undefined || this.#full.has(current.address)) {
      current = this.#fullest(members, undefined);
      this.#current = current?.address;
      this.#noRoomAt = current === undefined ? version : undefined;
    }
    return current !== undefined && current.address === not ? this.#fullest(members, not) : current;
  }

  #fullest(members: readonly Member[], not: LogicalAddress | undefined): Member | undefined {
    let fullest: Member | undefined;
    for (const member of members) {
      if (member.address === not || this.#full.has(member.address)) continue;
      if (fullest === undefined || loadOf(member) > loadOf(fullest)) fullest = member;
    }
    return fullest;
  }
}
