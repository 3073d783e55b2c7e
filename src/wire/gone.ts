/**
 * Body of a gone frame: `target u32 | last forwarded seq u32`. A harbor has lost its link to `target`: of the messages
 * that the receiver sent there, those up to `lastSeq` may have arrived, later ones have not.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import { getU32, putU32 } from "./header.js";
import { ProtocolError } from "./protocol-error.js";

export const GONE_BYTES = 8;

export interface Gone {
  readonly target: LogicalAddress;
  /** 0: none was forwarded. */
  readonly lastSeq: number;
}

export function encodeGone({ target, lastSeq }: Gone): Uint8Array {
  const body = new Uint8Array(GONE_BYTES);
  putU32(body, 0, target);
  putU32(body, 4, lastSeq);
  return body;
}

/** Bytes behind the two fields are a newer peer's. @throws {@link ProtocolError} when the body is cut off. */
export function decodeGone(body: Uint8Array, start: number, end: number): Gone {
  if (end - start < GONE_BYTES) throw new ProtocolError("a gone frame is cut off");
  return { target: getU32(body, start) as LogicalAddress, lastSeq: getU32(body, start + 4) };
}
