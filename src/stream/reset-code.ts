/**
 * Why a stream was reset: the length field of a window update with RST. Other implementations of yamux send 0 and ignore
 * what they get.
 */
export const RESET = {
  /** No reason given: what other implementations send. */
  unspecified: 0,
  /** The other end wants no more of it. */
  cancelled: 1,
  /** It was never accepted: it may be opened again, elsewhere or later. */
  refused: 2,
  /** Too much was unread in the session, most of it on this stream. */
  overBudget: 3,
  /** The other end failed. */
  failed: 4,
  /** Nobody there serves the protocol that the stream asked for. */
  notServed: 5,
  /** A limit there is reached: later, or elsewhere. */
  busy: 6,
} as const;

/** Codes from here on are the application's own. */
export const FIRST_APPLICATION_RESET = 0x1_0000;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RESET).map(([name, code]) => [code, name]));

const WORDS: Readonly<Record<string, string>> = {
  unspecified: "no reason given",
  cancelled: "cancelled",
  refused: "refused",
  overBudget: "too much was unread",
  failed: "the other end failed",
  notServed: "nobody serves that protocol there",
  busy: "a limit there is reached",
};

/** For messages: `"cancelled"`, `"code 70000"`. */
export function describeReset(code: number): string {
  const name = NAMES.get(code);
  return name === undefined ? `code ${code}` : WORDS[name]!;
}
