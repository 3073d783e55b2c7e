/**
 * Two groups that know nothing of each other but addresses, and six processes: a discovery server, a harbor and a node for
 * each group. The harbors find each other in the discovery of group 1, which serves them beside its own nodes.
 *
 *     group 1                                           group 2
 *     1.2.1 ---> 1.255.1 -------------------------> 2.255.1 ---> 2.1.1
 *     discovery 127.0.0.1:17121                     discovery 127.0.0.1:17122
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const [ONE, TWO] = ["127.0.0.1:17121", "127.0.0.1:17122"];
const secret = (): string => randomBytes(32).toString("base64");
const SECRETS: Readonly<Record<string, string>> = { "1": secret(), "2": secret(), harbors: secret() };

/** Each with the group whose secret it gets. */
const PROGRAMS: readonly (readonly [name: string, group: "1" | "2", program: string, ...args: string[]])[] = [
  ["1.2.1", "1", "node.ts", "1.2.1", ONE, "2.1.1"],
  ["2.1.1", "2", "node.ts", "2.1.1", TWO, "1.2.1"],
  ["1.255.1", "1", "harbor.ts", "1.255.1", ONE, ONE],
  ["2.255.1", "2", "harbor.ts", "2.255.1", TWO, ONE],
  ["discovery of group 1", "1", "../../src/cli/main.ts", "discovery", "--listen", ONE],
  ["discovery of group 2", "2", "../../src/cli/main.ts", "discovery", "--listen", TWO],
];

const children = PROGRAMS.map(([name, group, program, ...args]): ChildProcess => {
  console.log(`${name} is starting`);
  const isHarbor = program === "harbor.ts";
  const env = { ...process.env, GROUP_SECRET: SECRETS[group], ...(isHarbor && { HARBOR_SECRET: SECRETS.harbors }) };
  const file = fileURLToPath(new URL(program, import.meta.url));
  return spawn(process.execPath, ["--import", "tsx", file, ...args], { stdio: "inherit", env });
});
const nodes = children.slice(0, 2);
const others = children.slice(2);
for (const other of others) for (const node of nodes) other.once("exit", () => node.kill()); // nothing to wait for: it could not start

// The nodes end by themselves; the harbors leave while the discovery servers are there, and these last.
const codes = await Promise.all(nodes.map(async (node) => (await once(node, "exit"))[0] as number | null));
for (const pair of [others.slice(0, 2), others.slice(2)]) {
  await Promise.all(
    pair.map(async (child) => {
      child.removeAllListeners("exit");
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      codes.push(child.exitCode);
    }),
  );
}
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
