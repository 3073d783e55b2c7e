/** Errors as the system reports them: a short `code` to branch on, a message for people. */

/** What a {@link Transport} rejects with and closes connections with. */
export interface SystemError extends Error {
  /** `ECONNREFUSED`, `ECONNRESET`, `EADDRINUSE`, ... */
  readonly code: string;
}

export function systemError(code: string, message: string, cause?: unknown): SystemError {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code });
}

/** The `code` of an error that may have one; else its name. */
export function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
