/**
 * Bodies of error, refused and hop-error frames: type-length-value (`tag u8, length u16, value`), unknown tags are
 * ignored, a known one stands there once at most. The frame's kind says whether the handler ran; a tag may say it more
 * exactly.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Execution } from "../errors.js";
import { getU32, putU32 } from "./header.js";
import { MAX_CODE_BYTES, MAX_DETAILS_BYTES, MAX_ERROR_PATH, MAX_REASON_BYTES } from "./limits.js";
import { ProtocolError } from "./protocol-error.js";
import { cutText, decodeText } from "./text.js";

const TAG = { code: 1, appCode: 2, reason: 3, details: 4, path: 5, execution: 6 } as const;
const EXECUTIONS: readonly Execution[] = ["notRun", "unknown", "ran"];

export interface WireError {
  readonly code: string;
  readonly appCode: number;
  readonly reason: string;
  readonly details: Uint8Array | undefined;
  readonly path: readonly LogicalAddress[];
  /** Undefined: as the frame's kind says. */
  readonly execution: Execution | undefined;
}

/**
 * Texts are cut to their limits. A part of `details` would be of no use, and of a number that has no 32 bits neither:
 * they are left out, and the reason says so.
 */
export function encodeError(error: WireError): Uint8Array {
  const { appCode, details, path } = error;
  const fields: [number, Uint8Array][] = [[TAG.code, cutText(error.code, MAX_CODE_BYTES)]];
  const hasAppCode = (appCode | 0) === appCode;
  const hasDetails = details === undefined || details.length <= MAX_DETAILS_BYTES;
  if (hasAppCode && appCode !== 0) fields.push([TAG.appCode, u32s([appCode])]);
  const leftOut =
    (hasAppCode ? "" : ` (appCode ${appCode} was left out: no 32-bit integer)`) +
    (hasDetails ? "" : ` (details of ${details.length} bytes were left out: more than ${MAX_DETAILS_BYTES})`);
  const reason = Buffer.concat([cutText(error.reason, MAX_REASON_BYTES - leftOut.length), cutText(leftOut, leftOut.length)]);
  if (reason.length > 0) fields.push([TAG.reason, reason]);
  if (hasDetails && details !== undefined && details.length > 0) fields.push([TAG.details, details]);
  if (path.length > 0) fields.push([TAG.path, u32s(path.slice(0, MAX_ERROR_PATH))]);
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

/** @throws {@link ProtocolError} when the body is cut off, or a known field has a wrong size or comes twice. */
export function decodeError(body: Uint8Array, start: number, end: number): WireError {
  let code = "UNKNOWN";
  let appCode = 0;
  let reason = "";
  let details: Uint8Array | undefined;
  let execution: Execution | undefined;
  const path: LogicalAddress[] = [];
  let seen = 0;
  let at = start;
  while (at < end) {
    if (at + 3 > end) throw new ProtocolError("an error body is cut off");
    const tag = body[at]!;
    const from = at + 3;
    const to = from + ((body[at + 1]! << 8) | body[at + 2]!);
    if (to > end) throw new ProtocolError("a field of an error body is cut off");
    if (tag >= TAG.code && tag <= TAG.execution) {
      if ((seen & (1 << tag)) !== 0) throw new ProtocolError(`an error has its field ${tag} twice`);
      seen |= 1 << tag;
    }
    switch (tag) {
      case TAG.code:
        code = decodeText(body, from, to);
        break;
      case TAG.appCode:
        if (to - from !== 4) throw new ProtocolError("an error's appCode has not 4 bytes");
        appCode = getU32(body, from) | 0;
        break;
      case TAG.reason:
        reason = decodeText(body, from, to);
        break;
      case TAG.details:
        details = new Uint8Array(body.subarray(from, to)); // a copy, and no Buffer
        break;
      case TAG.path:
        if ((to - from) % 4 !== 0) throw new ProtocolError("an error's path has not 4 bytes for each address");
        for (let p = from; p + 4 <= to; p += 4) path.push(getU32(body, p) as LogicalAddress);
        break;
      case TAG.execution:
        if (to - from !== 1) throw new ProtocolError("an error's execution has not 1 byte");
        execution = EXECUTIONS[body[from]!]; // a newer peer's word: as the frame's kind says
        break;
      default:
        break; // a newer peer's field
    }
    at = to;
  }
  return { code, appCode, reason, details, path, execution };
}

function u32s(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, i) => {
    putU32(bytes, i * 4, value);
  });
  return bytes;
}
