/** Generated stubs in a project that has what the generator needs, and of clusterts only the tarball. */
import { byType, createNode, startNode } from "clusterts";
import { memory } from "clusterts/discovery";
import { Chat } from "./gen/chat.js";

async function main(): Promise<void> {
  const discovery = memory();
  const server = createNode({ address: "1.1.1", discovery });
  Chat.Register(server, { say: ({ seq, text }) => ({ seq: seq + 1n, text: text.toUpperCase() }) });
  await server.start();
  const caller = await startNode({ address: "1.2.1", discovery });
  await caller.waitFor(1);
  const said = await Chat.Call(caller, byType(1)).say({ seq: 1n, text: "hi" });
  if (said.seq !== 2n || said.text !== "HI") throw new Error(`a wrong reply: ${said.seq} ${said.text}`);
  await caller.close();
  await server.close();
}

export const done = main();
