/** The text of a node list to members; every fault with its line and column. Pure. */
import { type ArrayNode, type DocumentNode, type ObjectNode, parse, type ValueNode } from "@humanwhocodes/momoa";
import { parseEndpoint } from "../addr/endpoint.js";
import { type LogicalAddress, parseAnyAddress } from "../addr/logical-address.js";
import { closest } from "../internal/closest.js";
import { show } from "./checked-event.js";
import type { Member } from "./discovery.js";
import { syntaxFault } from "./json-syntax-fault.js";

const NODE_KEYS = ["address", "endpoint", "export", "available", "metadata", "version"] as const;

/** Faults named in one message; the rest is a number. */
const MAX_NAMED = 5;

/**
 * Reads `{ "nodes": [{ "address": "1.1.1", "endpoint": "127.0.0.1:8011", ... }] }`.
 *
 * @param file - the name in messages.
 * @param otherKeys - what may stand beside "nodes" and is not looked at.
 * @throws Error with one line that lists the faults as `file:line:column: what is wrong`.
 */
export function parseNodeList(text: string, file: string, otherKeys: readonly string[] = []): Member[] {
  const reader = new NodeListReader(["nodes", ...otherKeys]);
  const members = reader.read(text.replace(/^\uFEFF/, ""));
  if (reader.faults.length === 0) return members;
  const named = reader.faults.slice(0, MAX_NAMED).map((fault) => `${file}:${fault}`);
  const more = reader.faults.length > MAX_NAMED ? `; and ${reader.faults.length - MAX_NAMED} more` : "";
  throw new Error(named.join("; ") + more);
}

class NodeListReader {
  readonly faults: string[] = [];
  readonly #listKeys: readonly string[];
  readonly #lines = new Map<LogicalAddress, number>();

  constructor(listKeys: readonly string[]) {
    this.#listKeys = listKeys;
  }

  read(text: string): Member[] {
    let document: DocumentNode;
    try {
      document = parse(text, { mode: "json" });
    } catch (error) {
      this.faults.push(syntaxFault(error, text));
      return [];
    }
    const list = this.#fields(document.body, "the file", this.#listKeys);
    if (list === undefined) return [];
    const nodes = list.get("nodes");
    if (nodes === undefined) return this.#fault(document.body, 'there is no "nodes"; without nodes it is { "nodes": [] }') ?? [];
    if (nodes.type !== "Array") return this.#fault(nodes, `"nodes" is an array of nodes, got ${written(nodes)}`) ?? [];
    return (nodes as ArrayNode).elements.flatMap((element) => this.#node(element.value) ?? []);
  }

  #node(value: ValueNode): Member | undefined {
    const fields = this.#fields(value, "a node", NODE_KEYS);
    if (fields === undefined) return undefined;
    const address = this.#address(value, fields.get("address"));
    const endpoint = this.#endpoint(value, fields.get("endpoint"));
    if (address === undefined || endpoint === undefined) return undefined;
    return {
      address,
      endpoint,
      export: this.#boolean("export", fields.get("export")),
      available: this.#boolean("available", fields.get("available")),
      version: this.#string("version", fields.get("version")),
      metadata: this.#metadata(fields.get("metadata")),
    };
  }

  #address(node: ValueNode, value: ValueNode | undefined): LogicalAddress | undefined {
    if (value === undefined) return this.#fault(node, 'this node has no "address"');
    const text = this.#string("address", value);
    if (text === undefined) return undefined;
    try {
      const address = parseAnyAddress(text);
      const line = this.#lines.get(address);
      if (line !== undefined) return this.#fault(value, `"${text}" is listed twice, first in line ${line}`);
      this.#lines.set(address, value.loc.start.line);
      return address;
    } catch (error) {
      return this.#fault(value, (error as Error).message);
    }
  }

  #endpoint(node: ValueNode, value: ValueNode | undefined): string | undefined {
    if (value === undefined) return this.#fault(node, 'this node has no "endpoint"');
    const text = this.#string("endpoint", value);
    if (text === undefined) return undefined;
    try {
      return parseEndpoint(text).port === 0 ? this.#fault(value, `endpoint "${text}": port 0 cannot be dialed`) : text;
    } catch (error) {
      return this.#fault(value, (error as Error).message);
    }
  }

  #metadata(value: ValueNode | undefined): Record<string, string> | undefined {
    if (value === undefined) return undefined;
    const fields = this.#fields(value, '"metadata"');
    if (fields === undefined) return undefined;
    const entries = [...fields].map(([key, entry]) => [key, this.#string(`metadata "${key}"`, entry) ?? ""] as const);
    return Object.fromEntries(entries);
  }

  #string(name: string, value: ValueNode | undefined): string | undefined {
    if (value === undefined || value.type === "String") return value?.value;
    return this.#fault(value, `${name} is a string, got ${written(value)}`);
  }

  #boolean(name: string, value: ValueNode | undefined): boolean | undefined {
    if (value === undefined || value.type === "Boolean") return value?.value;
    return this.#fault(value, `${name} is true or false, got ${written(value)}`);
  }

  /** The fields of an object, each once; with `known`, only those. */
  #fields(value: ValueNode, what: string, known?: readonly string[]): Map<string, ValueNode> | undefined {
    if (value.type !== "Object") return this.#fault(value, `${what} is an object in braces, got ${written(value)}`);
    const fields = new Map<string, ValueNode>();
    for (const { name, value: field } of (value as ObjectNode).members) {
      const key = name.type === "String" ? name.value : name.name;
      if (fields.has(key)) this.#fault(name, `"${key}" is there twice`);
      else if (known?.includes(key) === false) this.#fault(name, unknownKey(what, key, known));
      fields.set(key, field);
    }
    return fields;
  }

  #fault({ loc }: { readonly loc: ValueNode["loc"] }, problem: string): undefined {
    this.faults.push(`${loc.start.line}:${loc.start.column}: ${problem}`);
  }
}

function unknownKey(what: string, key: string, known: readonly string[]): string {
  const meant = closest(key, known);
  const hint = meant === undefined ? `it has ${known.join(", ")}` : `did you mean "${meant}"?`;
  return `${what} has no ${show(key)}; ${hint}`;
}

function written(value: ValueNode): string {
  switch (value.type) {
    case "String":
    case "Number":
    case "Boolean":
      return show(value.value);
    default:
      return value.type === "Null" ? "null" : `an ${value.type.toLowerCase()}`;
  }
}
