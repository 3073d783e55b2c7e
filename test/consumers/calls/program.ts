/** A consumer's first program: two nodes in one process and a call. No console and no top-level await: it compiles without Node.js's types, and to CommonJS. */
import { type ClusterStream, type Codec, createNode, defineMethod, RpcError, StreamError, startNode } from "clusterts";
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

const count = defineMethod("consumer.Text/count", "server", text, text);

/** A stream of bytes and replies that stream, without a type of Node.js's. */
async function streams(open: Promise<ClusterStream>, replies: AsyncIterable<Text>): Promise<void> {
  const stream = await open;
  stream.on("error", (error) => StreamError.is(error)).on("drain", () => {});
  stream.write(new Uint8Array(3));
  stream.end("bytes");
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  if (bytes !== 8 || stream.metadata.size !== 0) throw new Error(`${bytes} bytes came back`);
  const said: string[] = [];
  for await (const reply of replies) said.push(reply.text);
  if (said.join() !== "1,2") throw new Error(`wrong replies: ${said.join()}`);
}

async function main(): Promise<void> {
  const discovery: MemoryDiscovery = memory();
  const server = createNode({ address: "1.1.1", discovery });
  server.handle(shout, (request: Text) => ({ text: request.text.toUpperCase() }));
  server.handle(count, async function* () {
    yield { text: "1" };
    yield { text: "2" };
  });
  server.onStream((stream) => void stream.pipe(stream));
  await server.start();
  await using caller = await startNode({ address: "1.2.1", discovery, timeoutMs: 5_000 });
  await caller.waitFor(1);
  const reply = await caller.invoke("1.1.1", shout, { text: "hello" });
  if (reply.text !== "HELLO") throw new Error(`a wrong reply: ${reply.text}`);
  await streams(caller.openStream("1.1.1"), caller.invoke("1.1.1", count, { text: "" }));
  const { timedOut } = await server.close();
  if (timedOut) throw new Error("close cut something off");
  const error = await caller.invoke("1.1.9", shout, { text: "nobody" }).catch((reason: unknown) => reason);
  if (!RpcError.is(error) || error.code !== "UNAVAILABLE") throw new Error("a call to nobody must fail as UNAVAILABLE", { cause: error });
}

export const done = main();
