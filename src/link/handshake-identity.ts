/**
 * Which logical addresses a certificate is good for: it names them by URIs such as `clusterts://cluster/1.2.3`.
 *
 * A part may be `*`: `clusterts://cluster/1.2.*`. A type `*` stands for ordinary types, 1 to 254: whoever may be a harbor
 * (`*.255.*`), and so speak for others, is named as one. Tools without an address are `0.0.0`, which no `*` stands for.
 */
import {
  ADDRESS_LAYOUT,
  ANONYMOUS,
  addressGroup,
  addressId,
  addressType,
  formatAddress,
  HARBOR_TYPE,
  type LogicalAddress,
} from "../addr/logical-address.js";
import type { PeerIdentity } from "../transport/transport.js";

/** `undefined` stands for `*`. */
export interface AddressUri {
  readonly cluster: string;
  readonly group: number | undefined;
  readonly type: number | undefined;
  readonly id: number | undefined;
}

const URI = /^clusterts:\/\/([\x21-\x7e]{1,64})\/(\*|0|[1-9][0-9]{0,3})\.(\*|0|[1-9][0-9]{0,2})\.(\*|0|[1-9][0-9]{0,3})$/;

/** Pure and strict: `undefined` for anything else than such a URI, with every part in its range. */
export function parseAddressUri(uri: string): AddressUri | undefined {
  const match = URI.exec(uri);
  if (match === null) return undefined;
  const [group, type, id] = match.slice(2).map((part) => (part === "*" ? undefined : Number(part)));
  const parsed = { cluster: match[1]!, group, type, id };
  if (group === 0 && type === 0 && id === 0) return parsed;
  const { groupBits, idBits, typeBits } = ADDRESS_LAYOUT;
  return fits(group, 1, groupBits) && fits(type, 1, typeBits) && fits(id, 0, idBits) ? parsed : undefined;
}

/** Whether one of `uris` is for `address` in `cluster`. */
export function namesAddress(uris: readonly string[], cluster: string, address: LogicalAddress): boolean {
  return uris.some((uri) => {
    const named = parseAddressUri(uri);
    return named !== undefined && named.cluster === cluster && covers(named, address);
  });
}

export function addressUri(cluster: string, address: LogicalAddress): string {
  return `clusterts://${cluster}/${formatAddress(address)}`;
}

/** What is wrong with a certificate of whoever says to be `address`; `undefined`: nothing. */
export function identityFault({ subject, uris }: PeerIdentity, cluster: string, address: LogicalAddress): string | undefined {
  if (namesAddress(uris, cluster, address)) return undefined;
  return `the certificate of ${formatAddress(address)} (${JSON.stringify(subject)}) is not for ${addressUri(cluster, address)}; it names ${named(uris)}`;
}

/** Names that stand in a message. */
const MAX_NAMED = 3;

/** What a certificate names, as far as it is one of these URIs: a stranger's could say anything. */
function named(uris: readonly string[]): string {
  const names = uris.filter((uri) => parseAddressUri(uri) !== undefined);
  if (names.length === 0) return "no address";
  return `${names
    .slice(0, MAX_NAMED)
    .map((name) => JSON.stringify(name))
    .join(", ")}${names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : ""}`;
}

function covers({ group, type, id }: AddressUri, address: LogicalAddress): boolean {
  if (address === ANONYMOUS) return group === 0 && type === 0 && id === 0;
  const own = addressType(address);
  const typeFits = type === undefined ? own !== HARBOR_TYPE : type === own;
  return typeFits && (group ?? addressGroup(address)) === addressGroup(address) && (id ?? addressId(address)) === addressId(address);
}

function fits(value: number | undefined, low: number, bits: number): boolean {
  return value === undefined || (value >= low && value < 2 ** bits);
}
