/** What a relay makes of a frame, by its kind; of a fragment, by that of its message. */
import { AT, getU32, KIND } from "../wire/header.js";

export const ROLE = {
  /** Of a newer release, or between neighbours only. */
  none: 0,
  /** Somebody waits for its answer. */
  request: 1,
  oneWay: 2,
  cancel: 3,
  /** Goes back to a caller. */
  answer: 4,
  /** A relay's word to a sender. */
  gone: 5,
} as const;

export type Role = (typeof ROLE)[keyof typeof ROLE];

const ROLES = new Uint8Array(256);
ROLES[KIND.request] = ROLE.request;
for (const kind of [KIND.post, KIND.message, KIND.bytes]) ROLES[kind] = ROLE.oneWay;
ROLES[KIND.cancel] = ROLE.cancel;
for (const kind of [KIND.reply, KIND.error, KIND.refused, KIND.hopError]) ROLES[kind] = ROLE.answer;
ROLES[KIND.gone] = ROLE.gone;

/** Hot path. */
export function roleOf(frame: Uint8Array, start: number, end: number): Role {
  const kind = frame[start + AT.kind]!;
  if (kind !== KIND.fragment) return ROLES[kind] as Role;
  // The head of a fragment: kind of the message, flags, 0, total, offset. What cannot be told apart goes where requests go.
  const inner = end - start > AT.body ? ROLES[frame[start + AT.body]!]! : ROLE.none;
  return inner === ROLE.answer || inner === ROLE.request ? inner : ROLE.oneWay;
}

/** Hot path. Whether it is the first frame of its message. */
export function begins(frame: Uint8Array, start: number, end: number): boolean {
  if (frame[start + AT.kind] !== KIND.fragment) return true;
  return end - start >= AT.body + 12 && getU32(frame, start + AT.body + 8) === 0;
}

/** Hot path. Whether it is the last frame of its message. */
export function completes(frame: Uint8Array, start: number, end: number): boolean {
  if (frame[start + AT.kind] !== KIND.fragment) return true;
  const head = start + AT.body;
  return end - head >= 12 && getU32(frame, head + 8) + (end - head - 12) >= getU32(frame, head + 4);
}
