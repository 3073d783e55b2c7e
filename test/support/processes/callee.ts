/**
 * A node in a process of its own, to be stopped and killed: `node --import tsx callee.ts <node file> <address>`. Tells
 * its parent when it is up and of each call that its handler has taken.
 */
import type { AddressText } from "../../../src/addr/logical-address.js";
import { file } from "../../../src/discovery/file.js";
import { createNode } from "../../../src/node/node.js";
import { textMethod } from "../text-method.js";

const [path, address] = process.argv.slice(2);
const node = createNode({ address: address as AddressText, discovery: file(path!), logger: false });
node.handle(textMethod("test.Echo/echo"), (input: { text: string }) => input);
node.handle(textMethod("test.Echo/hang"), () => {
  process.send!("taken");
  return new Promise(() => {});
});
node.onMessage(1, () => {});
await node.start();
process.send!("up");
process.once("disconnect", () => process.exit()); // never outlives the test
