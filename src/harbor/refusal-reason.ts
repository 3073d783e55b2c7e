/** Why a harbor does not pass a frame on, in a word. */

/** The reasons, by the names that status and counters have. Every text stands in docs/errors.md. */
export type RefusalReason =
  | "unknownTarget"
  | "noHarborThere"
  | "unreachable"
  | "left"
  | "queueFull"
  | "slowTarget"
  | "slowCaller"
  | "tooManyBytes"
  | "tooManyPairs"
  | "hops"
  | "deadline"
  | "notExported"
  | "notResponsible"
  | "stranger"
  | "tooManyStreams"
  | "closing"
  | "kind";
