/** Two nodes in one process: calls that stream in either direction and in both, and a stream of bytes. */
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { createNode, RpcError, startNode } from "clusterts";
import { memory } from "clusterts/discovery";
import { Chat } from "./gen/chat.js";
import { registerChat } from "./server.js";

const discovery = memory();
const server = createNode({ address: "1.3.7", discovery });
registerChat(server);
await server.start();
const node = await startNode({ address: "1.2.1", discovery });
await node.waitFor(3);
const chat = Chat.Call(node, "1.3.7");

// Replies that stream: the break ends the handler.
for await (const said of chat.watch({ room: 7n, text: "tick" }, { timeoutMs: 60_000 })) {
  console.log(`${said.seq}: ${said.text}`);
  if (said.seq >= 3n) break;
}

// Requests that stream: anything that can be iterated.
const { seq } = await chat.upload(Array.from({ length: 1_000 }, (_, page) => ({ text: `page ${page}` })));
console.log(`${seq} pages received`);
assert.equal(seq, 1_000n);

// Both: each line is answered before the next one is said.
async function* lines(): AsyncGenerator<{ text: string }> {
  for (const text of ["hello", "how are you?", "bye"]) yield { text };
}
const answers: string[] = [];
for await (const said of chat.talk(lines())) answers.push(said.text);
console.log(answers.join("\n"));
assert.equal(answers.length, 3);

try {
  await chat.say({ text: "" });
  assert.fail("it should have failed");
} catch (error) {
  if (!RpcError.is(error)) throw error;
  console.log(error.message);
  assert.deepEqual([error.appCode, error.execution], [10_023, "ran"]);
}

// Bytes, without messages: what a gateway opens for each of its clients.
const stream = await node.openStream("1.3.7", { protocol: "echo", metadata: { ip: "10.0.0.9" } });
stream.end("and bytes, as they are");
const echoed = await text(stream);
console.log(echoed);
assert.equal(echoed, "and bytes, as they are");

await node.close();
const report = await server.close();
assert.deepEqual([report.requestsCut, report.streamsCut], [0, 0]);
