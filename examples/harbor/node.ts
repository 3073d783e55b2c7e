/** A node: `node.ts <address> <discovery of its group> <address in the other group>`. Calls the other one and sends it messages, both ways. */
import { type AddressText, createNode, formatAddress, RpcError } from "clusterts";
import { discoveryServer } from "clusterts/discovery";
import * as echo from "../echo/gen/echo.js";

/** Of one-way messages, raw bytes. */
const NOTE = 1;
const NOTES = 5;

const [address, discovery, other] = process.argv.slice(2) as [AddressText, string, AddressText];

const node = createNode({ address, discovery: discoveryServer(discovery), secrets: [process.env.GROUP_SECRET!] });
const notes = new Promise<void>((resolve) => {
  let count = 0;
  node.onMessage(NOTE, (bytes, { from }) => {
    console.log(`${address} got from ${formatAddress(from)}: ${Buffer.from(bytes).toString()}`);
    if (++count === NOTES) resolve();
  });
});
const greeted = new Promise<void>((resolve) => {
  echo.Register(node, ({ msg }) => {
    if (msg === "goodbye") resolve();
    return { msg: `${msg}, says ${address}` };
  });
});
await node.start({ timeoutMs: 60_000 });

for (let greeting: string | undefined; greeting === undefined; ) {
  try {
    greeting = (await echo.Call(node, other, { msg: "hello" })).msg;
    console.log(`${address} called ${other}: ${greeting}`);
  } catch (error) {
    // The harbors, or the other node, are not up yet: it did not run, so it is safe to call again.
    if (!RpcError.is(error) || error.execution !== "notRun") throw error;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
for (let count = 1; count <= NOTES; count++) await node.send(other, NOTE, Buffer.from(`note ${count}`));
await notes;
await echo.Call(node, other, { msg: "goodbye" });
await greeted; // or the other one would lose us
await node.close();
