/** What compiles against the generated files, and what must not. Only type-checked, never run. */
import type { Caller, Message, Method, Registrar } from "clusterts/rpc";
import { Chat, type ChatCalls, type ChatHandlers, Moved_To, Said } from "../expected/game/chat.js";
import * as echo from "../expected/echo.js";
import { All } from "../expected/kinds/all.js";
import { type Old, Old_Mode } from "../expected/kinds/two.js";
import * as kick from "../expected/one/kick.js";

declare const node: Caller & Registrar;
declare const session: Registrar<{ uid: string }>;
declare function send<T>(message: Message<T>, value: T): void;

export async function calls(): Promise<void> {
  const chat: ChatCalls = Chat.Call(node, "1.3.7");
  const said: Said = await chat.say({ text: "hi" });
  await chat.say({ room: 7n, text: undefined }, { timeoutMs: 10 });
  for await (const each of chat.watch({})) each.seq.toString();
  await chat.uploadAll(many({ text: "" }));
  for await (const each of chat.talk(many({}))) each.text.trim();
  await Chat.Post(node, "1.3.7").say({ text: "hi" }).then((nothing: void) => nothing);
  send(Said, said);
  send(Moved_To, { room: undefined });
  const response: echo.Response = await echo.Call(node, "1.1.1", { msg: "hello" });
  const cancel = echo.CallWithCallback(node, "1.1.1", {}, { timeoutMs: 500 }, (error, reply) => error?.code ?? reply?.msg);
  const wasOpen: boolean = cancel();
  await echo.Post(node, "1.1.1", { msg: response.msg + wasOpen });
  // deep, and read-only data of the caller's will do
  const seats: readonly { readonly number: number }[] = [{ number: 1 }];
  await kick.Call(node, "1.1.1", { player: 1n, room: { seats } });
  All.fromPartial({
    manyInt64: [1n] as readonly bigint[],
    byInt64: new Map([[1n, { aString: "x" }]]),
    choice: { $case: "all", value: { aBool: true } },
    mask: ["a"] as readonly string[],
    list: [1, "two"] as readonly unknown[],
    attributes: { any: { depth: 1 } },
  });
}

export function handlers(): void {
  echo.Register(node, (request, context) => ({ msg: `${request.msg} from ${context.from}` }));
  echo.Register(session, async ({ msg }, { uid }) => ({ msg: msg + uid }));
  const service: ChatHandlers<{ uid: string }> = {
    say: (request, { uid }) => ({ seq: request.room, text: request.text + uid }),
    async *watch() {},
    async uploadAll(requests) {
      for await (const { text } of requests) return { seq: 1n, text };
      return { seq: 0n, text: "" };
    },
    async *talk(requests) {
      for await (const { text } of requests) yield { seq: 0n, text };
    },
    ping: () => ({ seconds: 0n, nanos: 0 }),
  };
  Chat.Register(session, service);
  // @ts-expect-error the context of this node has no uid
  Chat.Register(node, service);
  // @ts-expect-error a reply lacks a field
  echo.Register(node, () => ({}));
  // @ts-expect-error methods are missing
  Chat.Register(node, { say: service.say });
}

export function mistakes(): void {
  // @ts-expect-error no such field
  void Chat.Call(node, "1.3.7").say({ txt: "hi" });
  // @ts-expect-error not a string
  void Chat.Call(node, "1.3.7").say({ text: 7 });
  // @ts-expect-error 64-bit integers are bigint
  void Chat.Call(node, "1.3.7").say({ room: 7 });
  // @ts-expect-error only unary methods can be posted
  void Chat.Post(node, "1.3.7").watch({});
  // @ts-expect-error a whole message goes on the wire
  send(Said, { text: "hi" });
  // @ts-expect-error no msg_id
  send(All, All.fromPartial({}));
  // @ts-expect-error no member of the oneof is called so
  All.fromPartial({ choice: { $case: "nothing", value: 1 } });
  // @ts-expect-error the member's value has another type
  All.fromPartial({ choice: { $case: "text", value: 1 } });
}

export function narrowing(all: All, old: Old): string {
  if (old.mode === Old_Mode.FAST) return old.name;
  switch (all.choice?.$case) {
    case "text":
      return all.choice.value;
    case "number":
      return all.choice.value.toString(16);
    default:
      return (all.at ?? new Date(0)).toISOString();
  }
}

export type NoLoss = Method<echo.Request, echo.Response>;

async function* many<T>(...values: T[]): AsyncIterable<T> {
  yield* values;
}
