/** The addresses of a host, in the order of the system's own rules. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** At least one. @throws Error with the system's `code`, ENOTFOUND for a name that nobody knows. */
export async function addressesOf(host: string): Promise<readonly string[]> {
  return isIP(host) !== 0 ? [host] : (await lookup(host, { all: true })).map(({ address }) => address);
}
