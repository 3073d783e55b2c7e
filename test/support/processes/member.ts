/**
 * A node in a process of its own, registered in a folder, that lives as long as its node: `node --import tsx member.ts
 * <folder> <address> <options in JSON>`. It tells its parent what happens and does what its parent says (`../member-process.ts`).
 */
import type { AddressText } from "../../../src/addr/logical-address.js";
import { StartError } from "../../../src/errors.js";
import { Deferred } from "../../../src/internal/deferred.js";
import type { Logger } from "../../../src/internal/logger.js";
import { createNode } from "../../../src/node/node.js";
import { defineMethod } from "../../../src/rpc/service.js";
import { folder } from "../folder-discovery.js";
import type { Order, Report } from "../member-process.js";
import { type Text, textCodec, textMethod } from "../text-method.js";

const [path, address, options] = process.argv.slice(2);
const tell = (report: Report): void => void process.send!(report);
const logged =
  (level: keyof Logger) =>
  (_fields: object, text = ""): void =>
    tell({ type: "log", level, text });

const release = new Deferred<void>();
const node = createNode({
  address: address as AddressText,
  discovery: folder(path!),
  logger: { trace() {}, debug() {}, info: logged("info"), warn: logged("warn"), error: logged("error") },
  ...JSON.parse(options!),
});
let taken = 0;
node.handle(textMethod("test.Echo/echo"), (input: Text) => input);
node.handle(textMethod("test.Echo/who"), () => ({ text: String(process.pid) }));
node.handle(textMethod("test.Echo/held"), async (input: Text) => {
  tell({ type: "taken", count: ++taken });
  await release.promise;
  return input;
});

// Streams that say something and stay, and replies that never end.
node.onStream((stream) => {
  stream.write("here");
  stream.resume();
}, "held");
node.handle(defineMethod("test.Echo/forever", "server", textCodec, textCodec), async function* (input: Text) {
  for (;;) {
    yield input;
    await release.promise;
  }
});

process.on("message", (order: Order) => {
  if (order === "release") return release.resolve();
  const connections = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
  const { phase, links } = node.status();
  tell({ type: "status", phase, links: links.map((link) => `${link.peer} ${link.phase}`), connections });
});
process.channel!.unref(); // or the process would outlive its node
process.once("disconnect", () => process.exit()); // never outlives the test
process.once("beforeExit", () => tell({ type: "ending", phase: node.status().phase }));

try {
  await node.start();
  tell({ type: "up", incarnation: String(node.status().incarnation) });
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  tell({ type: "not started", code: error.code, text: error.message });
}
