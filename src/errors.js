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
};
/**
 * Why a call failed, the same class on both sides. A handler throws it to answer with a code; the caller gets it with
 * `execution`, `peer`, `method` and `path` filled in. Branch on the fields, never on the message.
 */
export class RpcError extends Error {
  constructor(code, message, options = {}) {
    super(message, "cause" in options && options.cause !== undefined ? { cause: options.cause } : undefined);
    this.name = "RpcError";
    this.code = code;
    this.appCode = options.appCode ?? 0;
    this.details = options.details;
    this.reason = options.reason ?? message;
    this.execution = options.execution ?? "ran";
    this.peer = options.peer ?? "0.0.0";
    this.method = options.method ?? "";
    this.path = options.path ?? [];
  }
  /** Also true for an `RpcError` of another installed copy of the library, where `instanceof` fails. */
  static is(error) {
    return error instanceof Error && error.name === "RpcError" && "execution" in error && "code" in error;
  }
}
/** A text or number that is no logical address. Thrown before anything is sent. */
export class InvalidAddressError extends Error {
  constructor(address, problem) {
    super(`"${address}" is not a valid address: ${problem}`);
    this.name = "InvalidAddressError";
    this.address = address;
  }
}
/** Options that cannot work; lists every fault. Thrown by constructors, before anything starts. */
export class InvalidOptionsError extends Error {
  constructor(what, faults) {
    super(`${what}: ${faults.join("; ")}`);
    this.name = "InvalidOptionsError";
    this.faults = faults;
  }
}
/** `start()` failed; nothing was left running. */
export class StartError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = "StartError";
    this.code = code;
  }
}
