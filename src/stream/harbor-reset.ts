/**
 * What a harbor says when it resets a stream that it relays: why, and which harbor it was. In the codes that are reserved below the
 * application's own: `15 * (1 + n) + reason`, where `n` is 0 when whoever sends the reset says so itself, else 1 and the id of the
 * harbor behind it that does. Pure.
 */

/** By these words; the numbers stand in docs/streams.md. */
export const HARBOR_REASON = {
  /** A connection behind it was lost. */
  gone: 0,
  /** It waits no longer for the acknowledgment. */
  unanswered: 1,
  unknownTarget: 2,
  noHarborThere: 3,
  unreachable: 4,
  left: 5,
  deadline: 6,
  hops: 7,
  notExported: 8,
  notResponsible: 9,
  stranger: 10,
  tooManyStreams: 11,
  /** It leaves, itself. */
  closing: 12,
} as const;

export type HarborReason = keyof typeof HARBOR_REASON;

/** What a code says. `id`: of the harbor behind the sender; `undefined`: the sender itself. */
export interface HarborReset {
  readonly reason: HarborReason;
  readonly id: number | undefined;
}

const REASONS = Object.keys(HARBOR_REASON) as readonly HarborReason[];
/** One more than there may be reasons. */
const STRIDE = 15;
const MAX_ID = 0xfff;
const END = STRIDE * (MAX_ID + 3);

export function harborReset(reason: HarborReason, id?: number): number {
  return STRIDE * (id === undefined ? 1 : 2 + id) + HARBOR_REASON[reason];
}

/** `undefined`: no harbor's word. */
export function readHarborReset(code: number): HarborReset | undefined {
  const reason = REASONS[code % STRIDE];
  if (code < STRIDE || code >= END || reason === undefined) return undefined;
  const who = Math.floor(code / STRIDE) - 1;
  return { reason, id: who === 0 ? undefined : who - 1 };
}

/** Whether the stream was never accepted by anybody, as far as whoever says so can know. */
export function wasNeverAsked(reason: HarborReason): boolean {
  return reason !== "gone" && reason !== "unanswered";
}

/** For messages, behind the name of whoever sent it. */
export function describeHarborReset({ id, reason }: HarborReset): string {
  return `${id === undefined ? "the harbor" : `harbor ${id} behind it`} ${WORDS[reason]}`;
}

const WORDS: Readonly<Record<HarborReason, string>> = {
  gone: "lost its connection to the next node on the way",
  unanswered: "no longer waits for it to be accepted",
  unknownTarget: "does not know its target",
  noHarborThere: "knows no harbor of its target's group",
  unreachable: "does not reach the next node on the way",
  left: "says that the next node on the way is closing",
  deadline: "did not reach the next node on the way in time",
  hops: "got it without hops that are left",
  notExported: "lets other groups reach exported nodes only",
  notResponsible: "is not of its target's group",
  stranger: "does not relay between these nodes",
  tooManyStreams: "relays too many streams",
  closing: "is closing",
};
