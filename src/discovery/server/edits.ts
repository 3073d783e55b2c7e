/** What somebody has changed in the list of configured nodes while the server ran. Pure. */
import type { LogicalAddress } from "../../addr/logical-address.js";
import { sameMember } from "../checked-event.js";
import type { Member } from "../discovery.js";
import type { StoredMember, StoredValue } from "./records.js";

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

/**
 * The keys that somebody has changed, added or removed in the file: these are not taken, and should be told. Those that
 * changed in the store since the file was written are not among them.
 *
 * @param present - the keys of the store now.
 * @param writtenAt - the revision of the store when the file was written.
 */
export function editedKeys(
  present: ReadonlyMap<string, StoredValue>,
  listed: readonly (readonly [key: string, value: StoredValue])[],
  writtenAt: bigint,
): readonly string[] {
  const file = new Map(listed);
  const edited: string[] = [];
  for (const [key, { value, revision }] of file) {
    const stored = present.get(key);
    // A key that is gone from the store may have been deleted since; one that has no revision of its own nobody can know.
    if (stored === undefined ? revision > writtenAt : stored.revision <= writtenAt && stored.value !== value) edited.push(key);
  }
  for (const [key, { revision }] of present) if (revision <= writtenAt && !file.has(key)) edited.push(key);
  return edited;
}
