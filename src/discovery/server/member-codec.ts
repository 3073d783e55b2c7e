/** Members as discovery has them, and as they travel: absent there is default here. */
import type { LogicalAddress } from "../../addr/logical-address.js";
import type { Member as WireMember } from "../../gen/clusterts/discovery.js";
import type { Member } from "../discovery.js";

/** What {@link toWire} gives of an entry without metadata: most have none. */
const NO_METADATA: ReadonlyMap<string, string> = new Map();

export function toWire(member: Member): WireMember {
  const { address, endpoint, export: exported, available, load, metadata, version, incarnation } = member;
  return {
    address,
    endpoint,
    exported: exported === true,
    unavailable: available === false,
    load,
    metadata: (metadata === undefined ? NO_METADATA : new Map(Object.entries(metadata))) as Map<string, string>,
    version: version ?? "",
    incarnation: incarnation ?? 0n,
  };
}

/** Unchecked: what comes from the server goes through the checks of every report, and the server checks by itself. */
export function fromWire(wire: WireMember): Member {
  const member: Member = { address: wire.address as LogicalAddress, endpoint: wire.endpoint };
  if (wire.exported) member.export = true;
  if (wire.unavailable) member.available = false;
  if (wire.load !== undefined) member.load = wire.load;
  if (wire.metadata.size > 0) member.metadata = Object.fromEntries(wire.metadata);
  if (wire.version !== "") member.version = wire.version;
  if (wire.incarnation !== 0n) member.incarnation = wire.incarnation;
  return member;
}
