/**
 * A harbor, or a node of another group, in a process of its own, to be stopped and killed: `node --import tsx crossing.ts
 * <json>`. What its handlers run is written to a file at once, so that it is known however the process ends.
 */
import { createHash } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import type { AddressText } from "../../../src/addr/logical-address.js";
import { file } from "../../../src/discovery/file.js";
import { createNode } from "../../../src/node/node.js";
import type { NodeOptions } from "../../../src/node/options.js";
import { defineMethod } from "../../../src/rpc/service.js";
import { type Note, noteCodec, noteMethod } from "../note.js";

export interface CrossingJob {
  readonly address: AddressText;
  readonly discovery: string;
  readonly harbors?: string;
  readonly secrets: readonly string[];
  readonly harborSecrets?: readonly string[];
  /** Where runs are written, a line each. */
  readonly runs: string;
  readonly link?: NodeOptions["link"];
}

const { address, discovery, harbors, harborSecrets, link, runs, secrets } = JSON.parse(process.argv[2]!) as CrossingJob;
const log = openSync(runs, "a");
const node = createNode({
  address,
  discovery: file(discovery),
  ...(harbors !== undefined && { harbors: file(harbors) }),
  ...(harborSecrets !== undefined && { harborSecrets }),
  ...(link !== undefined && { link }),
  secrets,
  logger: false,
});

/** Answers at once. */
node.handle(noteMethod("echo"), (note: Note) => {
  writeSync(log, `${note.text}\n`);
  return note;
});
/** Never answers. */
node.handle(noteMethod("hang"), (note: Note) => {
  writeSync(log, `${note.text}\n`);
  return new Promise(() => {});
});
/** 4 MiB, and their hash. */
node.handle(noteMethod("blob"), (note: Note) => {
  const data = Buffer.alloc(4 * 1024 ** 2 - 100);
  for (let index = 0; index < data.length; index += 4) data.writeInt32LE(Math.imul(index ^ note.text.length, 0x9e37_79b1), index);
  return { text: createHash("sha256").update(data).digest("hex"), data };
});
node.onMessage(1, (bytes) => void writeSync(log, `${Buffer.from(bytes.subarray(0, 4)).readUInt32BE()}\n`));

/** Says the hash of what comes. */
node.onStream(async (stream) => {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  stream.end(hash.digest("hex"));
}, "hash");
/** Says so, and takes nothing until it is told to. */
const paused: (() => void)[] = [];
node.onStream(async (stream) => {
  stream.write("here");
  await new Promise<void>((resolve) => void paused.push(resolve));
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  stream.end(String(bytes));
}, "paused");
/** Says so, and stays. */
node.onStream((stream) => {
  stream.write("here");
  stream.resume();
}, "held");
/** Never ends by itself; what ends it is written down. */
node.handle(defineMethod("test.Notes/forever", "server", noteCodec, noteCodec), async function* (note: Note) {
  try {
    for (;;) {
      yield note;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    writeSync(log, `ended ${note.text}\n`);
  }
});

process.on("message", (message) => {
  if (message === "read") for (const resume of paused.splice(0)) resume();
  if (message !== "status") return;
  const { callsInFlight, handlersRunning, harbor, requestsInProgress, sessions, streams } = node.status();
  const unreadBytes = sessions.reduce((sum, session) => sum + session.unreadBytes, 0);
  process.send!({ callsInFlight, handlersRunning, harbor, requestsInProgress, streams, unreadBytes, rssBytes: process.memoryUsage.rss() });
});
await node.start();
process.send!("up");
process.once("disconnect", () => process.exit()); // never outlives the test
