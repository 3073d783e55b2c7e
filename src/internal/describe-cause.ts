/** System errors in plain words: what stands in messages instead of `connect ECONNREFUSED 10.0.1.7:8011`. */

const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ECONNABORTED: "connection aborted",
  EPIPE: "connection closed",
  ETIMEDOUT: "connection timed out",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name lookup failed",
  EHOSTUNREACH: "host unreachable",
  EHOSTDOWN: "host down",
  ENETUNREACH: "network unreachable",
  ENETDOWN: "network down",
  EADDRINUSE: "something else listens there",
  EADDRNOTAVAIL: "this machine does not have that address",
  EACCES: "this process may not use that port",
  EMFILE: "this process has too many files open",
  ENFILE: "this machine has too many files open",
};

/** A system error in plain words, anything else as it says itself. */
export function describeCause(cause: Error): string {
  const code = codeOf(cause);
  return (code === undefined ? undefined : SYSTEM[code]) ?? cause.message;
}

/** The system's `code` of an error that has one. */
export function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
