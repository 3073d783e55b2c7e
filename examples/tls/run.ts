/** An authority, nodes and a tool with certificates of it, one who has none, and certificates exchanged while they run. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectAnonymously, RpcError, startNode } from "clusterts";
import { memory } from "clusterts/discovery";
import * as echo from "../echo/gen/echo.js";
import { roomNode, tlsOf } from "./nodes.js";

const script = fileURLToPath(new URL("certificates.sh", import.meta.url));

function makeCertificates(folder: string): void {
  const { error, status, stderr } = spawnSync("bash", [script], { cwd: folder, encoding: "utf8" });
  assert.ok(error === undefined && status === 0, `openssl is needed to make certificates: ${error ?? stderr}`);
}

const folder = mkdtempSync(join(tmpdir(), "clusterts-tls-"));
const elsewhere = mkdtempSync(join(tmpdir(), "clusterts-tls-"));
try {
  makeCertificates(folder);
  makeCertificates(elsewhere);
  const discovery = memory();

  await using room = roomNode(folder, discovery);
  echo.Register(room, ({ msg }) => ({ msg }));
  await room.start();
  await using node = await startNode({ address: "1.2.1", discovery, tls: tlsOf(folder, "1.2.1") });
  await node.waitFor(3);
  console.log((await echo.Call(node, "1.3.1", { msg: "both know who the other is" })).msg);

  // A tool without an address, and one with certificates of somebody else's authority.
  const { endpoint } = room.status();
  assert.ok(endpoint !== undefined);
  const target = { to: "1.3.1", endpoint, logger: false } as const;
  await using tool = connectAnonymously({ ...target, tls: tlsOf(folder, "tool") });
  console.log((await echo.Call(tool, "1.3.1", { msg: "a tool may call, too" })).msg);
  await using stranger = connectAnonymously({ ...target, tls: tlsOf(elsewhere, "tool") });
  const error = await echo.Call(stranger, "1.3.1", { msg: "hello?" }).catch((thrown: unknown) => thrown);
  assert.ok(RpcError.is(error) && error.execution === "notRun");
  console.log(error.message);

  // Renewed: the file is another one, the node is told, connections that stand stay.
  const before = room.status().certificate;
  makeCertificates(elsewhere);
  for (const file of ["rooms.pem", "rooms.key", "tool.pem", "tool.key", "ca.pem"]) copyFileSync(join(elsewhere, file), join(folder, file));
  const told = once(process, "SIGHUP");
  process.kill(process.pid, "SIGHUP");
  await told;
  assert.notEqual(room.status().certificate?.fingerprint256, before?.fingerprint256);
  await using renewed = connectAnonymously({ ...target, tls: tlsOf(folder, "tool") });
  console.log((await echo.Call(renewed, "1.3.1", { msg: "new connections use the new certificates" })).msg);
  console.log((await echo.Call(node, "1.3.1", { msg: "those that stand go on" })).msg);
} finally {
  for (const made of [folder, elsewhere]) rmSync(made, { recursive: true });
}
