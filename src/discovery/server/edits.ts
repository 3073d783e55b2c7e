/** What somebody has changed in the list of configured nodes while the server ran. Pure. */
import type { LogicalAddress } from "../../addr/logical-address.js";
import { sameMember } from "../checked-event.js";
import type { Member } from "../discovery.js";
import type { StoredMember } from "./records.js";

export interface Edits {
  readonly put: readonly Member[];
  readonly removed: readonly LogicalAddress[];
}

/**
 * @param before - the configured nodes as the server wrote them.
 * @param after - all members of the file as it is now; what is registered is not for people to change.
 */
export function editsOf(before: readonly StoredMember[], after: readonly StoredMember[]): Edits {
  const known = new Map(before.map(({ member }) => [member.address, member]));
  const listed = new Map(after.filter(({ member }) => member.incarnation === undefined).map(({ member }) => [member.address, member]));
  const put = [...listed.values()].filter((member) => {
    const old = known.get(member.address);
    return old === undefined || !sameMember(old, member);
  });
  return { put, removed: [...known.keys()].filter((address) => !listed.has(address)) };
}
