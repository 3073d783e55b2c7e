/**
 * Bodies of error, refused and hop-error frames: type-length-value (`tag u8, length u16, value`), unknown tags are
 * ignored. The frame's kind says whether the handler ran; a tag may say it more exactly.
 */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { Execution } from "../errors.js";
import { getU32, putU32 } from "./header.js";
import { MAX_DETAILS_BYTES, MAX_REASON_BYTES } from "./limits.js";
import { ProtocolError } from "./protocol-error.js";

const TAG = { code: 1, appCode: 2, reason: 3, details: 4, path: 5, execution: 6 } as const;
const EXECUTIONS: readonly Execution[] = ["notRun", "unknown", "ran"];
const MAX_PATH = 8;
const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

export interface WireError {
  readonly code: string;
  readonly appCode: number;
  readonly reason: string;
  readonly details: Uint8Array | undefined;
  readonly path: readonly LogicalAddress[];
  /** Undefined: as the frame's kind says. */
  readonly execution: Execution | undefined;
}

export function encodeError(error: WireError): Uint8Array {
  const fields: [number, Uint8Array][] = [[TAG.code, utf8.encode(error.code.slice(0, 64))]];
  if (error.appCode !== 0) {
    const appCode = new Uint8Array(4);
    putU32(appCode, 0, error.appCode);
    fields.push([TAG.appCode, appCode]);
  }
  if (error.reason !== "") fields.push([TAG.reason, cutText(error.reason, MAX_REASON_BYTES)]);
  if (error.details !== undefined && error.details.length > 0) fields.push([TAG.details, error.details.subarray(0, MAX_DETAILS_BYTES)]);
  if (error.path.length > 0) {
    const path = new Uint8Array(Math.min(error.path.length, MAX_PATH) * 4);
    for (let i = 0; i < path.length / 4; i++) putU32(path, i * 4, error.path[i]!);
    fields.push([TAG.path, path]);
  }
  if (error.execution !== undefined) fields.push([TAG.execution, Uint8Array.of(EXECUTIONS.indexOf(error.execution))]);
  const bytes = new Uint8Array(fields.reduce((sum, [, value]) => sum + 3 + value.length, 0));
  let at = 0;
  for (const [tag, value] of fields) {
    bytes[at] = tag;
    bytes[at + 1] = value.length >>> 8;
    bytes[at + 2] = value.length;
    bytes.set(value, at + 3);
    at += 3 + value.length;
  }
  return bytes;
}

/** @throws {@link ProtocolError} when the body is cut off or a known field has a wrong size. */
export function decodeError(body: Uint8Array, start: number, end: number): WireError {
  let code = "UNKNOWN";
  let appCode = 0;
  let reason = "";
  let details: Uint8Array | undefined;
  let execution: Execution | undefined;
  const path: LogicalAddress[] = [];
  let at = start;
  while (at < end) {
    if (at + 3 > end) throw new ProtocolError("an error body is cut off");
    const tag = body[at]!;
    const from = at + 3;
    const to = from + ((body[at + 1]! << 8) | body[at + 2]!);
    if (to > end) throw new ProtocolError("a field of an error body is cut off");
    switch (tag) {
      case TAG.code:
        code = utf8Decoder.decode(body.subarray(from, to));
        break;
      case TAG.appCode:
        if (to - from !== 4) throw new ProtocolError("an error's appCode has not 4 bytes");
        appCode = getU32(body, from) | 0;
        break;
      case TAG.reason:
        reason = utf8Decoder.decode(body.subarray(from, to));
        break;
      case TAG.details:
        details = Uint8Array.prototype.slice.call(body, from, to);
        break;
      case TAG.path:
        for (let p = from; p + 4 <= to; p += 4) path.push(getU32(body, p) as LogicalAddress);
        break;
      case TAG.execution:
        execution = EXECUTIONS[body[from] ?? 255];
        break;
      default:
        break; // a newer peer's field
    }
    at = to;
  }
  return { code, appCode, reason, details, path, execution };
}

/** `path` as text, for messages. */
export function formatPath(path: readonly LogicalAddress[]): readonly `${number}.${number}.${number}`[] {
  return path.map(formatAddress);
}

/** UTF-8 of `text`, cut at a character when it is longer than `max` bytes. */
function cutText(text: string, max: number): Uint8Array {
  const buffer = new Uint8Array(Math.min(max, text.length * 3));
  return buffer.subarray(0, utf8.encodeInto(text, buffer).written);
}
