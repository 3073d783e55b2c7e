/**
 * The text of the data file: what people may write, a list of nodes, and what the server adds to it. Between two runs of the
 * server it may be edited.
 *
 *     { "nodes": [ ... ], "registered": [ ... ], "keys": [ ... ], "store": { "epoch": ..., "generation": ..., ... } }
 */
import { messageOf } from "../../internal/message-of.js";
import { bigintOf, memberFromJson, memberToJson } from "./member-json.js";
import type { StoreContents, StoredMember, StoredValue } from "./records.js";

/** What the server adds to the list of nodes. */
const SERVER_KEYS = ["registered", "keys", "store"] as const;

export interface DataFile {
  /** `undefined`: a list of nodes that somebody has written, and no server yet. */
  readonly store: StoreHead | undefined;
  readonly members: readonly StoredMember[];
  readonly keys: readonly (readonly [key: string, value: StoredValue])[];
}

/** What the file says of the store as a whole. */
export interface StoreHead extends Pick<StoreContents, "epoch" | "opened" | "revision" | "lastToken"> {
  /** Counts the snapshots; the log that goes on from this one has the same number. */
  readonly generation: number;
}

/** A line for each node and key, so that people find their way, and `diff` does. */
export function formatDataFile({ epoch, opened, revision, lastToken, members, keys }: StoreContents, generation: number): string {
  const configured = members.filter(({ member }) => member.incarnation === undefined);
  const registered = members.filter(({ member }) => member.incarnation !== undefined);
  const keyLines = keys.map(([key, { value, revision: at }]) => ({ key, value, revision: at.toString() }));
  const head = { epoch, generation, opened, revision: revision.toString(), lastToken: lastToken.toString() };
  const parts = [
    `  "nodes": ${list(configured.map(memberToJson))}`,
    `  "registered": ${list(registered.map(memberToJson))}`,
    `  "keys": ${list(keyLines)}`,
    `  "store": ${JSON.stringify(head)}`,
  ];
  return `{\n${parts.join(",\n")}\n}\n`;
}

/**
 * Reads a data file, or a list of nodes.
 *
 * @param name - the file's name in messages.
 * @throws Error with one line that says where and what is wrong.
 */
export async function parseDataFile(text: string, name: string): Promise<DataFile> {
  try {
    return read(JSON.parse(text.replace(/^\uFEFF/, "")));
  } catch (error) {
    // What people get wrong, they get wrong in the list of nodes: that reader knows lines and columns.
    const { parseNodeList } = await import("../node-list.js");
    parseNodeList(text, name, SERVER_KEYS);
    throw new Error(`${name}: ${messageOf(error)}; what the server has written was changed by hand`, { cause: error });
  }
}

/** What the text says of the store; `undefined` where it does not, or cannot be read. */
export function tryParseHead(text: string): StoreHead | undefined {
  try {
    const { store } = JSON.parse(text.replace(/^\uFEFF/, "")) as { store?: unknown };
    return store === undefined ? undefined : headOf(store);
  } catch {
    return undefined;
  }
}

function read(json: unknown): DataFile {
  if (typeof json !== "object" || json === null || !Array.isArray((json as { nodes?: unknown }).nodes))
    throw new Error('there is no "nodes"');
  const { nodes, registered = [], keys = [], store, ...rest } = json as Record<string, unknown>;
  const [foreign] = Object.keys(rest);
  if (foreign !== undefined) throw new Error(`the file has no "${foreign}"`);
  const members = [...unique(nodes as unknown[], "nodes"), ...unique(arrayOf(registered), "registered")];
  const addresses = new Set(members.map(({ member }) => member.address));
  if (addresses.size !== members.length) throw new Error("an address is listed twice");
  return { store: store === undefined ? undefined : headOf(store), members, keys: arrayOf(keys).map(keyOf) };
}

function unique(values: readonly unknown[], what: "nodes" | "registered"): StoredMember[] {
  return values.map((value) => {
    const stored = memberFromJson(value);
    if ((stored.member.incarnation !== undefined) !== (what === "registered")) throw new Error("a registered node has an incarnation");
    if (what === "nodes" && stored.member.load !== undefined) throw new Error("a configured node has no load");
    return stored;
  });
}

function keyOf(value: unknown): readonly [string, StoredValue] {
  const { key, value: text, revision } = value as Record<string, unknown>;
  if (typeof key !== "string" || typeof text !== "string") throw new Error("a key has a key and a value");
  return [key, { value: text, revision: bigintOf(revision) }];
}

function headOf(value: unknown): StoreHead {
  const { epoch, generation, opened, revision, lastToken } = value as Record<string, unknown>;
  if (typeof epoch !== "string" || epoch === "" || !Number.isSafeInteger(generation) || !Number.isSafeInteger(opened)) {
    throw new Error('"store" has epoch, generation and opened');
  }
  return {
    epoch,
    generation: generation as number,
    opened: opened as number,
    revision: bigintOf(revision),
    lastToken: bigintOf(lastToken),
  };
}

function arrayOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('"registered" and "keys" are arrays');
  return value;
}

function list(values: readonly object[]): string {
  if (values.length === 0) return "[]";
  return `[\n${values.map((value) => `    ${JSON.stringify(value)}`).join(",\n")}\n  ]`;
}
