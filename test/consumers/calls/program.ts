/** A consumer's first program: two nodes in one process and a call. No console and no top-level await: it compiles without Node.js's types, and to CommonJS. */
import { type Codec, createNode, defineMethod, RpcError, startNode } from "clusterts";
import { type MemoryDiscovery, memory } from "clusterts/discovery";
import { BinaryReader, BinaryWriter } from "clusterts/rpc";

interface Text {
  text: string;
}

const text: Codec<Text> = {
  encode: (message, writer = new BinaryWriter()) => writer.uint32(10).string(message.text),
  decode: (input, length) => {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const end = length === undefined ? reader.len : reader.pos + length;
    const message: Text = { text: "" };
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag === 10) message.text = reader.string();
      else reader.skip(tag & 7, tag >>> 3);
    }
    return message;
  },
  fromPartial: (partial: Partial<Text>) => ({ text: partial.text ?? "" }),
};

const shout = defineMethod("consumer.Text/shout", "unary", text, text);

async function main(): Promise<void> {
  const discovery: MemoryDiscovery = memory();
  const server = createNode({ address: "1.1.1", discovery });
  server.handle(shout, (request: Text) => ({ text: request.text.toUpperCase() }));
  await server.start();
  await using caller = await startNode({ address: "1.2.1", discovery, timeoutMs: 5_000 });
  await caller.waitFor(1);
  const reply = await caller.invoke("1.1.1", shout, { text: "hello" });
  if (reply.text !== "HELLO") throw new Error(`a wrong reply: ${reply.text}`);
  const { timedOut } = await server.close();
  if (timedOut) throw new Error("close cut something off");
  const error = await caller.invoke("1.1.9", shout, { text: "nobody" }).catch((reason: unknown) => reason);
  if (!RpcError.is(error) || error.code !== "UNAVAILABLE") throw new Error("a call to nobody must fail as UNAVAILABLE", { cause: error });
}

export const done = main();
