/** The chat: a method of each kind, and a stream of bytes beside them. */
import { pipeline } from "node:stream/promises";
import { type ClusterNode, RpcError } from "clusterts";
import { Chat } from "./gen/chat.js";

export function registerChat(node: ClusterNode): void {
  Chat.Register(node, {
    async say({ room, text }) {
      if (text === "") throw new RpcError("FAILED_PRECONDITION", "empty text", { appCode: 10_023 });
      return { seq: room, text };
    },
    // Ends when the caller breaks off or its time is over: the yield does not come back then. A wait of your own takes the signal.
    async *watch({ text }, { signal }) {
      for (let seq = 0n; !signal.aborted; seq++) yield { seq, text };
    },
    async upload(requests) {
      let pages = 0n;
      for await (const _ of requests) pages++;
      return { seq: pages, text: "received" };
    },
    async *talk(requests) {
      for await (const { text } of requests) yield { seq: 0n, text: `you said ${text}` };
    },
  });
  node.onStream(async (stream) => await pipeline(stream, stream), "echo");
}
