/** Two nodes in one process: a chat with mailboxes, limits, deadlines, metadata and one-way messages, and one who uses it. */
import assert from "node:assert/strict";
import { byType, createNode, RpcError, startNode } from "clusterts";
import { memory } from "clusterts/discovery";
import { clearLater, closeChat, registerChat } from "./chat-service.js";
import { Chat, Typing } from "./gen/chat.js";

const discovery = memory();
const server = createNode({ address: "1.3.1", discovery });
registerChat(server);
await server.start();
const node = await startNode({ address: "1.2.1", discovery });
await node.waitFor(3);
const metadata = { token: "let me in" };

// One room, ten at once: each gets a number of its own, in the order in which they were sent.
const said = await Promise.all(
  Array.from({ length: 10 }, (_, i) => Chat.Call(node, byType(3)).say({ room: "lobby", text: `hello ${i}` }, { metadata })),
);
console.log(said.map(({ seq, text }) => `${seq}: ${text}`).join("\n"));
assert.deepEqual(
  said.map(({ seq }) => seq),
  Array.from({ length: 10 }, (_, i) => BigInt(i + 1)),
);

/** What a failed call says. */
async function failure(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => assert.fail("it should have failed"),
    (thrown: unknown) => thrown,
  );
  assert.ok(RpcError.is(error));
  console.log(error.message);
  return error;
}

assert.equal((await failure(Chat.Call(node, "1.3.1").say({ room: "lobby", text: "hi" }))).code, "UNAUTHENTICATED");
assert.equal((await failure(Chat.Call(node, "1.3.1").say({ room: "lobby" }, { metadata }))).appCode, 1001);

// Six searches at once, four are let in.
const searches = await Promise.allSettled(
  Array.from({ length: 6 }, () => Chat.Call(node, "1.3.1").search({ words: "hello 3" }, { metadata, timeoutMs: 2_000 })),
);
const refused = searches.filter((search) => search.status === "rejected").map(({ reason }) => reason as RpcError);
assert.deepEqual(
  refused.map(({ code, execution }) => [code, execution]),
  [
    ["RESOURCE_EXHAUSTED", "notRun"],
    ["RESOURCE_EXHAUSTED", "notRun"],
  ],
);
console.log(refused[0]!.message);

const abort = new AbortController();
const cancelled = failure(Chat.Call(node, "1.3.1").search({ words: "hello" }, { metadata, signal: abort.signal }));
abort.abort(new Error("the player has left"));
assert.equal((await cancelled).code, "CANCELLED");

await node.send("1.3.1", Typing, { room: "lobby" });
await Chat.Post(node, "1.3.1").say({ room: "lobby", text: "nobody waits for this" }, { metadata });
await clearLater("lobby");
await node.close();
await server.close();
await closeChat();
