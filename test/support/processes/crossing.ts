/**
 * A harbor, or a node of another group, in a process of its own, to be stopped and killed: `node --import tsx crossing.ts
 * <json>`. What its handlers run is written to a file at once, so that it is known however the process ends.
 */
import { createHash } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import type { AddressText } from "../../../src/addr/logical-address.js";
import { file } from "../../../src/discovery/file.js";
import { createNode } from "../../../src/node/node.js";
import { type Note, noteMethod } from "../note.js";

export interface CrossingJob {
  readonly address: AddressText;
  readonly discovery: string;
  readonly harbors?: string;
  readonly secrets: readonly string[];
  readonly harborSecrets?: readonly string[];
  /** Where runs are written, a line each. */
  readonly runs: string;
}

const { address, discovery, harbors, harborSecrets, runs, secrets } = JSON.parse(process.argv[2]!) as CrossingJob;
const log = openSync(runs, "a");
const node = createNode({
  address,
  discovery: file(discovery),
  ...(harbors !== undefined && { harbors: file(harbors) }),
  ...(harborSecrets !== undefined && { harborSecrets }),
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

process.on("message", (message) => {
  if (message !== "status") return;
  const { callsInFlight, handlersRunning, harbor, requestsInProgress } = node.status();
  process.send!({ callsInFlight, handlersRunning, harbor, requestsInProgress, rssBytes: process.memoryUsage.rss() });
});
await node.start();
process.send!("up");
process.once("disconnect", () => process.exit()); // never outlives the test
