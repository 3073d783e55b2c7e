/** Whom limits per host count: an IPv4 address, or an IPv6 network of 64 bits, which one host may have all of. */

const NETWORK_GROUPS = 4;

export function hostKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const first = groupsOf(head);
  if (tail !== undefined) {
    const last = groupsOf(tail);
    // An IPv4 address at the end stands for two groups.
    const width = last.length + (tail.includes(".") ? 1 : 0);
    while (first.length + width < 8) first.push("0");
    first.push(...last);
  }
  return `${first
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}

function groupsOf(part: string): string[] {
  return part === "" ? [] : part.split(":");
}
