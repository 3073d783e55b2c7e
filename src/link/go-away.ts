/** Body of a go-away frame: `reason u8 | reserved u8 x 3 | last seq taken u32 | text`. */
import { getU32, putU32 } from "../wire/header.js";
import { MAX_NOTE_BYTES } from "../wire/limits.js";
import { ProtocolError } from "../wire/protocol-error.js";
import { cutText, decodeText } from "../wire/text.js";

const REASONS = { shutdown: 1, idle: 2, maxAge: 3, replaced: 4, duplicate: 5, closed: 6 } as const;

/**
 * Why the sender takes no new work on the link. `shutdown`: it is closing, what comes all the same is still served; `closed`: it
 * was the last word, what comes after the number it names is not; `replaced`: a newer incarnation of the
 * receiver is alive; `duplicate`: there is another connection; `idle`, `maxAge`: open a new one when you need it.
 */
export type GoAwayReason = keyof typeof REASONS | "other";

/** `lastSeq`: the highest number of the receiver's own messages that had come, 0 for none. */
export function encodeGoAway(reason: GoAwayReason, text: string, lastSeq: number): Uint8Array {
  const said = cutText(text, MAX_NOTE_BYTES);
  const body = new Uint8Array(8 + said.length);
  body[0] = reason === "other" ? 0 : REASONS[reason];
  putU32(body, 4, lastSeq);
  body.set(said, 8);
  return body;
}

/** @throws {@link ProtocolError} */
export function decodeGoAway(body: Uint8Array, start: number, end: number): { reason: GoAwayReason; lastSeq: number; text: string } {
  if (end - start < 8) throw new ProtocolError("a go-away frame is cut off");
  const reason = (Object.keys(REASONS) as (keyof typeof REASONS)[]).find((name) => REASONS[name] === body[start]);
  return { reason: reason ?? "other", lastSeq: getU32(body, start + 4), text: decodeText(body, start + 8, end) };
}
