/** Every error class of the library, and the status codes. Browser-safe: generated code reaches this file. */
import type { AddressText } from "./addr/logical-address.js";

/** The seventeen canonical gRPC codes, without OK. A newer peer may send others: they survive as they are. */
export const RPC_CODES = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** Whether an error can have this code. Those of newer peers are not known here. */
export function isCode(code: unknown): code is Code {
  return typeof code === "string" && code !== "" && code !== "OK";
}

/** A code by name. `(string & {})` keeps completion and lets codes of newer peers through. */
export type Code = keyof typeof RPC_CODES | (string & {});

/**
 * Whether the handler may have run.
 * `"notRun"`: it did not, trying again is safe. `"unknown"`: it may have. `"ran"`: it did, this is its answer.
 */
export type Execution = "notRun" | "unknown" | "ran";

export interface RpcErrorOptions {
  /** The application's own number, a whole one of 32 bits (it may be negative); 0 for none. Travels to the caller. */
  appCode?: number | undefined;
  /** Anything the application wants to say beyond the message, up to 16 KiB. Travels to the caller. */
  details?: Uint8Array | undefined;
  cause?: unknown;
  /** What went wrong in the words of whoever said so, without the line around it. Default: the message. */
  reason?: string | undefined;
  /** Set by the library on the caller's side. */
  execution?: Execution | undefined;
  peer?: AddressText | undefined;
  method?: string | undefined;
  path?: readonly AddressText[] | undefined;
}

/**
 * Why a call failed, the same class on both sides. A handler throws it to answer with a code; the caller gets it with
 * `execution`, `peer`, `method` and `path` filled in. Branch on the fields, never on the message.
 */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: Code;
  readonly appCode: number;
  readonly details: Uint8Array | undefined;
  /** What went wrong, in the words of the handler that threw or of the library; `message` has the whole line around it. */
  readonly reason: string;
  readonly execution: Execution;
  /** The node that was called, or `"0.0.0"` when none was chosen. */
  readonly peer: AddressText;
  /** Full name of the method, `""` where there is none. */
  readonly method: string;
  /** The nodes on the way, in order; the last one is where it failed. */
  readonly path: readonly AddressText[];

  /**
   * @throws TypeError for a code that is no text, empty, or `"OK"`: what succeeded is no error. RangeError for an `appCode` that
   *   is no whole number from -2,147,483,648 to 2,147,483,647.
   */
  constructor(code: Code, message: string, options: RpcErrorOptions = {}) {
    if (!isCode(code)) throw new TypeError(`the code of an RpcError is one of ${Object.keys(RPC_CODES).join(", ")}; got ${shown(code)}`);
    const { appCode = 0 } = options;
    if (typeof appCode !== "number" || (appCode | 0) !== appCode)
      throw new RangeError(`the appCode of an RpcError is a whole number of 32 bits; got ${shown(appCode)}`);
    super(message, "cause" in options && options.cause !== undefined ? { cause: options.cause } : undefined);
    this.code = code;
    this.appCode = appCode;
    this.details = options.details;
    this.reason = options.reason ?? message;
    this.execution = options.execution ?? "ran";
    this.peer = options.peer ?? "0.0.0";
    this.method = options.method ?? "";
    this.path = options.path ?? [];
  }

  /** What logs and other processes can use: every field, `message` included, without the stack; `details` as hexadecimal digits. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, appCode, details, reason, execution, peer, method, path } = this;
    return { name, message, code, appCode, ...(details && { details: hex(details) }), reason, execution, peer, method, path };
  }

  /** What `console.error(error)` prints: the stack, then what does not stand in its first line, then causes by one line each. */
  [Symbol.for("nodejs.util.inspect.custom")](depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    const { code, appCode, details, path, cause } = this;
    const lines = [depth < 0 ? String(this) : withoutOwnFrames(this)];
    if (this.method === "") lines.push(`  code: ${code}`);
    if (appCode !== 0) lines.push(`  appCode: ${appCode}`);
    if (details !== undefined) lines.push(`  details: ${inspect(details, options)}`);
    if (path.length > 0) lines.push(`  path: ${path.join(" > ")}`);
    // Thrown by the application, it may wrap the very error that somebody looks for; ours wrap what the message has said.
    if (this.method === "" && cause !== undefined) lines.push(`  cause: ${inspect(cause, options).replaceAll("\n", "\n  ")}`);
    else
      for (let at = cause, n = 0; at !== undefined && n < MAX_CAUSES; at = at instanceof Error ? at.cause : undefined, n++)
        lines.push(`  cause: ${at instanceof Error ? String(at) : inspect(at, options)}`);
    return lines.join("\n");
  }

  /** Also true for an `RpcError` of another installed copy of the library, where `instanceof` fails. */
  static is(error: unknown): error is RpcError {
    try {
      return error instanceof Error && error.name === "RpcError" && "execution" in error && "code" in error;
    } catch {
      return false; // anything can be thrown, also what throws when it is looked at
    }
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : typeof value === "object" ? "an object" : String(value);
}

/** Causes of one error that are printed: a chain may be a circle. */
const MAX_CAUSES = 8;

/**
 * The stack without the frames of the library's own files, where the failure was made there: what remains says where the
 * call was made, if that was in the same turn. In a bundle nothing can be told apart, and all of it stays.
 */
function withoutOwnFrames(error: Error): string {
  const { stack = String(error) } = error;
  const folder = /\n\s+at [^\n]*?\(?((?:file:|\/|[A-Za-z]:)[^\n()]*[/\\])rpc[/\\]failure\.[jt]s:/.exec(stack)?.[1];
  if (folder === undefined) return stack;
  return stack
    .split("\n")
    .filter((line) => !/^\s+at /.test(line) || !(line.includes(folder) || line.includes("node:internal/")))
    .join("\n");
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A text or number that is no logical address. Thrown before anything is sent. */
export class InvalidAddressError extends Error {
  override readonly name = "InvalidAddressError";
  readonly address: string;
  constructor(address: string, problem: string) {
    super(`${JSON.stringify(address.slice(0, MAX_SHOWN))} is not a valid address: ${problem}`);
    this.address = address;
  }
}

/** Characters of a wrong text that stand in a message. */
const MAX_SHOWN = 100;

/** Options that cannot work; lists every fault. Thrown by constructors, before anything starts. */
export class InvalidOptionsError extends Error {
  override readonly name = "InvalidOptionsError";
  readonly faults: readonly string[];
  constructor(what: string, faults: readonly string[]) {
    super(`${what}: ${faults.join("; ")}`);
    this.faults = faults;
  }
}

/** Why a node did not start. */
export type StartErrorCode =
  | "ADDRESS_IN_USE"
  | "NOT_IN_DISCOVERY"
  | "LISTEN_FAILED"
  | "REGISTRATION_FAILED"
  | "TIMEOUT"
  | "ABORTED"
  | "CLOSED";

/** `start()` failed; nothing was left running. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly code: StartErrorCode;
  constructor(code: StartErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
