/** `clusterts nodes`: who there is. */
import { parseArgs } from "node:util";
import { addressType, formatAddress } from "../addr/logical-address.js";
import type { Member } from "../discovery/discovery.js";
import { CLUSTER_HELP, CLUSTER_OPTIONS, Cluster, positive } from "./cluster.js";
import { type Command, type CommandContext, UsageError } from "./command.js";
import { table } from "./table.js";

const HELP = `Usage: clusterts nodes [type] [options]

Lists the nodes that discovery knows, all or those of one type.

Options:
      --wait <n>              wait until there are n of them, for --timeout at most
${CLUSTER_HELP}
Exit codes: 0 done, 1 discovery did not answer or there are fewer than n, 2 wrong use of this command.
`;

export const nodes: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const options = { ...CLUSTER_OPTIONS, wait: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [type] = positionals;
  if (positionals.length > 1) throw new UsageError("give one type");
  if (type !== undefined && !(/^\d{1,3}$/.test(type) && Number(type) >= 1 && Number(type) <= 255))
    throw new UsageError(`a type is a number from 1 to 255, not "${type}"`);
  const cluster = new Cluster(values, context);
  const wanted = positive("--wait", values.wait, 0);
  const of = (members: readonly Member[]): readonly Member[] =>
    members.filter((member) => type === undefined || addressType(member.address) === Number(type));
  const members = wanted === 0 ? await cluster.members() : await cluster.waitForMembers((all) => of(all).length >= wanted);
  const found = [...of(members)];
  found.sort((one, other) => one.address - other.address);
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
  const { address, available = true, export: exported = false, incarnation, ...rest } = member;
  return {
    address: formatAddress(address),
    available,
    export: exported,
    ...rest,
    ...(incarnation !== undefined && { incarnation: String(incarnation) }),
  };
}
