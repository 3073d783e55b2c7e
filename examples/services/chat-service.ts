/** The chat of `game.Chat`: rooms that are never worked on by two requests at once. */
import { type ClusterNode, type Context, mailbox, RpcError } from "clusterts";
import { Chat, type Found, type Said, type Say, type Search, Typing } from "./gen/chat.js";
import { store } from "./store.js";

const rooms = mailbox<string>({ name: "rooms", maxQueued: 256 });

const lastSeq = new Map<string, bigint>();

const say = rooms.serial(
  (request: Say) => request.room,
  async (request, context: Context): Promise<Said> => {
    if (request.text === "") throw new RpcError("INVALID_ARGUMENT", "nothing was said", { appCode: 1001 });
    const seq = (lastSeq.get(request.room) ?? 0n) + 1n;
    await store.append(request.room, request.text, context.signal); // nobody else gets this seq meanwhile
    lastSeq.set(request.room, seq);
    return { seq, text: request.text };
  },
);

async function search(request: Search, context: Context): Promise<Found> {
  if (context.remainingMs < 50) throw new RpcError("DEADLINE_EXCEEDED", "too little time to search");
  return { texts: await store.find(request.words, context.signal) };
}

const decoder = new TextDecoder();

/** Lets in who brings a token; `node.use` puts it around every handler. */
function authenticate(node: ClusterNode): void {
  node.use({
    handler: async (call, next) => {
      const token = decoder.decode(call.context.metadata.get("token"));
      if (!call.oneWay && token !== "let me in") throw new RpcError("UNAUTHENTICATED", `${call.method.name} needs a token`);
      return await next(call);
    },
  });
}

/** Clears a room, whether or not somebody still waits for it. */
export function clearLater(room: string): Promise<void> {
  return rooms.run(room, () => store.clear(room), { detached: true });
}

/** To be called before `node.start()`. */
export function registerChat(node: ClusterNode): void {
  authenticate(node);
  Chat.Register(node, { say, search });
  node.limit("game.Chat/search", { maxConcurrent: 4 });
  node.onMessage(Typing, (typing) => {
    console.log(`somebody is typing in ${typing.room}`);
  });
}

/** To be called after `node.close()`, so that no work is left that no request waits for. */
export async function closeChat(): Promise<void> {
  await rooms.close();
}
