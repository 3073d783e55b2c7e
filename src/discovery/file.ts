/** Configured nodes: a JSON file that is watched. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { InvalidOptionsError } from "../errors.js";
import type { Discovery, DiscoveryEvent, Member } from "./discovery.js";
import { FileChanges } from "./file-changes.js";

/** Writers get this long to finish before the file is read, and before a fault in it is taken for one. */
const SETTLE_MS = 50;
/** A broken file is looked at again this soon. */
const RETRY_AFTER_MS = 500;
const MAX_BYTES = 16 * 1024 ** 2;

/**
 * Nodes from a JSON file, for clusters that are configured: each node finds itself in it. An edit shows at once, a
 * second later at most. A file that is missing or wrong changes nothing: the report says
 * `cluster.json:7:16: "1.300.1" is not a valid address: ...`, the last good nodes stay, and the next edit is read.
 *
 * ```json
 * { "nodes": [{ "address": "1.1.1", "endpoint": "10.0.1.7:8011" },
 *             { "address": "1.2.1", "endpoint": "10.0.1.8:8011",
 *               "export": true, "available": true, "version": "1.4.0", "metadata": { "zone": "a" } }] }
 * ```
 *
 * @param path - relative to the working directory of this moment; need not exist yet. At most 16 MiB.
 */
export function file(path: string): Discovery {
  if (typeof path !== "string" || path === "") throw new InvalidOptionsError("file discovery", ["path is the name of a file"]);
  const absolute = resolve(path);
  return {
    watch: (signal) => watchFile(absolute, path, signal),
  };
}

async function* watchFile(path: string, name: string, signal: AbortSignal): AsyncGenerator<DiscoveryEvent, void> {
  const changes = new FileChanges(path);
  try {
    let last: string | undefined;
    while (!signal.aborted) {
      await changes.mark();
      const { text, members } = await readSettled(path, name, signal);
      if (text !== last && !signal.aborted) yield { type: "snapshot", members };
      last = text;
      await changes.next(signal);
      await pause(signal);
    }
  } finally {
    changes[Symbol.dispose]();
  }
}

interface NodeList {
  readonly text: string;
  readonly members: readonly Member[];
}

/** Reads the file; once more a moment later if it is wrong, for it may be half written. */
async function readSettled(path: string, name: string, signal: AbortSignal): Promise<NodeList> {
  try {
    return await read(path, name);
  } catch {
    await pause(signal);
    return await read(path, name).catch((error: Error) => {
      throw Object.assign(error, { retryAfterMs: RETRY_AFTER_MS });
    });
  }
}

async function read(path: string, name: string): Promise<NodeList> {
  const text = await readText(path, name);
  // Loaded with the first file: others need no JSON parser in memory.
  const { parseNodeList } = await import("./node-list.js");
  return { text, members: parseNodeList(text, name) };
}

async function readText(path: string, name: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_BYTES}`);
    return await readFile(path, "utf8");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new Error(missing ? `${name}: there is no such file` : `${name} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await delay(SETTLE_MS, undefined, { ref: false, signal });
}
