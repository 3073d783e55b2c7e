/** Runs the example in each of the six orders in which three processes can be started. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const ORDERS = [
  ["discovery", "server", "client"],
  ["discovery", "client", "server"],
  ["server", "discovery", "client"],
  ["server", "client", "discovery"],
  ["client", "discovery", "server"],
  ["client", "server", "discovery"],
];
const PROGRAM = fileURLToPath(new URL("run.ts", import.meta.url));

for (const order of ORDERS) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", PROGRAM, ...order], {
    encoding: "utf8",
    timeout: 60_000,
  });
  const answers = stdout.match(/^1\.2\.1 .* got: hello \d+$/gm)?.length ?? 0;
  const good = status === 0 && answers === 10;
  console.log(`${good ? "ok    " : "FAIL  "}${order.join(", ")}`);
  if (!good) console.log(`exit code ${status}\n${stdout}${stderr}`);
  process.exitCode ||= good ? 0 : 1;
}
