/** `clusterts nodes`: who there is. */
import { parseArgs } from "node:util";
import { formatAddress } from "../addr/logical-address.js";
import type { Member } from "../discovery/discovery.js";
import { CLUSTER_HELP, CLUSTER_OPTIONS, Cluster } from "./cluster.js";
import type { Command, CommandContext } from "./command.js";
import { table } from "./table.js";

const HELP = `Usage: clusterts nodes [type] [options]

Lists the nodes that discovery knows, all or those of one type.

Options:
${CLUSTER_HELP}
Exit codes: 0 done, 1 discovery did not answer, 2 wrong use of this command.
`;

export const nodes: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: CLUSTER_OPTIONS, allowPositionals: true });
  const [type] = positionals;
  const all = await new Cluster(values, context).members();
  const found = all
    .filter((member) => type === undefined || String((member.address >>> 12) & 0xff) === type)
    .sort((a, b) => a.address - b.address);
  context.stdout(values.json ? `${JSON.stringify(found.map(asJson), undefined, 2)}\n` : asText(found));
  return 0;
}

function asText(members: readonly Member[]): string {
  const rows = members.map(({ address, endpoint, available, export: exported, load, version, metadata, incarnation }) => [
    formatAddress(address),
    endpoint,
    available === false ? "out of service" : "available",
    exported === true ? "exported" : "-",
    load === undefined ? "-" : String(load),
    version ?? "-",
    incarnation === undefined ? "configured" : "registered",
    Object.entries(metadata ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(" "),
  ]);
  return table(["ADDRESS", "ENDPOINT", "SERVICE", "EXPORT", "LOAD", "VERSION", "ENTRY", "METADATA"], rows);
}

function asJson(member: Member): object {
  const { address, incarnation, ...rest } = member;
  return { address: formatAddress(address), ...rest, ...(incarnation !== undefined && { incarnation: String(incarnation) }) };
}
