/**
 * The text of the log: a header, then a line per batch, each with a checksum in front. A batch is written by one write and
 * the next one only when it is on disk; so a line that is not whole is the last one, and was promised to nobody. Pure.
 */
import { crc32 } from "node:zlib";
import { formatAddress } from "../../addr/logical-address.js";
import { addressFromJson, bigintOf, memberFromJson, memberToJson } from "./member-json.js";
import type { Batch, StoreRecord } from "./records.js";

/** What a log goes on from: the snapshot of the same store and generation. */
export interface LogHeader {
  readonly epoch: string;
  readonly generation: number;
}

export interface LogContents {
  /** `undefined`: the first line is no header. */
  readonly header: LogHeader | undefined;
  readonly batches: readonly Batch[];
  /** `"torn"`: the last write was cut off, as by a crash. `"damaged"`: a line that was once whole is not. */
  readonly end: "whole" | "torn" | "damaged";
  /** Lines that were read. */
  readonly lines: number;
}

const NEWLINE = 0x0a;
const CHECKSUM_DIGITS = 8;
/** What headers say first, so that nothing else is taken for one. */
const FORMAT = "clusterts discovery log 1";

export function encodeHeader({ epoch, generation }: LogHeader): Buffer {
  return encodeLine({ format: FORMAT, epoch, generation });
}

export function encodeBatch({ revision, records }: Batch): Buffer {
  return encodeLine({ revision: revision.toString(), records: records.map(recordToJson) });
}

/** Reads as far as the lines are whole. Total: any bytes are a log, perhaps an empty one. */
export function parseLog(bytes: Uint8Array): LogContents {
  const lines = linesOf(bytes);
  const first = lines[0] === undefined ? undefined : headerOf(lines[0]);
  if (first === undefined) return { header: undefined, batches: [], end: "damaged", lines: 0 };
  const batches: Batch[] = [];
  for (let index = 1; index < lines.length; index++) {
    const batch = batchOf(lines[index]!);
    if (batch === undefined) {
      const goesOn = lines.slice(index).some(holdsWholeLine);
      return { header: first, batches, end: goesOn ? "damaged" : "torn", lines: index };
    }
    batches.push(batch);
  }
  return { header: first, batches, end: "whole", lines: lines.length };
}

function encodeLine(json: object): Buffer {
  const text = Buffer.from(`${JSON.stringify(json)}\n`);
  return Buffer.concat([Buffer.from(checksumOf(text.subarray(0, -1))), text]);
}

/** As it stands in front of a line, with the blank behind it. */
function checksumOf(body: Uint8Array): string {
  return `${crc32(body).toString(16).padStart(CHECKSUM_DIGITS, "0")} `;
}

/** The last one without its newline when it was cut off. */
function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start);
    lines.push(bytes.subarray(start, end < 0 ? bytes.length : end + 1));
    if (end < 0) break;
    start = end + 1;
  }
  return lines;
}

/** What a whole line says; `undefined` for any other bytes. */
function jsonOf(line: Uint8Array): Record<string, unknown> | undefined {
  if (line.at(-1) !== NEWLINE || line.length <= CHECKSUM_DIGITS + 2) return undefined;
  const text = Buffer.from(line.buffer, line.byteOffset, line.length);
  const body = text.subarray(CHECKSUM_DIGITS + 1, -1);
  if (text.toString("latin1", 0, CHECKSUM_DIGITS + 1) !== checksumOf(body)) return undefined;
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    return undefined; // a checksum of 32 bits may fit by chance
  }
}

/** Also behind a newline that is not one any more. */
function holdsWholeLine(line: Uint8Array): boolean {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString("latin1");
  return [...text.matchAll(/[0-9a-f]{8} \{/g)].some(({ index }) => jsonOf(line.subarray(index)) !== undefined);
}

function headerOf(line: Uint8Array): LogHeader | undefined {
  const json = jsonOf(line);
  if (json?.format !== FORMAT || typeof json.epoch !== "string" || !Number.isSafeInteger(json.generation)) return undefined;
  return { epoch: json.epoch, generation: json.generation as number };
}

function batchOf(line: Uint8Array): Batch | undefined {
  const json = jsonOf(line);
  if (json === undefined || !Array.isArray(json.records)) return undefined;
  try {
    return { revision: bigintOf(json.revision), records: json.records.map(recordFromJson) };
  } catch {
    return undefined;
  }
}

function recordToJson(record: StoreRecord): object {
  switch (record.type) {
    case "member":
      return { member: memberToJson(record.stored) };
    case "member-gone":
      return { gone: formatAddress(record.address) };
    case "key":
      return { key: record.key, value: record.value };
    case "key-gone":
      return { keyGone: record.key };
    default:
      return record satisfies never;
  }
}

function recordFromJson(json: Record<string, unknown>): StoreRecord {
  if (json.member !== undefined) return { type: "member", stored: memberFromJson(json.member) };
  if (json.gone !== undefined) return { type: "member-gone", address: addressFromJson(json.gone) };
  if (typeof json.keyGone === "string") return { type: "key-gone", key: json.keyGone };
  if (typeof json.key !== "string" || typeof json.value !== "string") throw new Error("a record of no known kind");
  return { type: "key", key: json.key, value: json.value };
}
