/**
 * The errors that calls and one-way messages end with on the calling side. Nothing here is on the way of a message that
 * arrives: whoever comes here has failed.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Code, Execution, RpcError } from "../errors.js";
import type { LimitHits } from "../events/limit-hits.js";
import { COMMIT, type CommitResult } from "../internal/commit-result.js";
import { describeCause } from "../internal/describe-cause.js";
import { messageOf } from "../internal/message-of.js";
import { UnsentError } from "../internal/unsent-error.js";
import { MessageTooLargeError } from "../protobuf/errors.js";
import { NestedEncodingError } from "../wire/frame-writer.js";
import { addressOrText, type FailureDetail, HINT, rpcError, unsentReason } from "./failure.js";
import type { Outbound } from "./outbound.js";
import type { Router } from "./router.js";

/** What is known of a call that fails: a `Call`, or a message that has no place in the table. */
export interface Failing {
  readonly to: LogicalAddress;
  readonly method: { readonly name: string };
}

export class CallFailures {
  /** Why nothing is sent any more. */
  closed: string | undefined;
  readonly #self: LogicalAddress;
  readonly #router: Router;
  readonly #limits: LimitHits;

  constructor(self: LogicalAddress, router: Router, limits: LimitHits) {
    this.#self = self;
    this.#router = router;
    this.#limits = limits;
  }

  /** Of `method` on `to`; a text in place of an address that was not found out. */
  of(method: string, to: LogicalAddress | string, code: Code, execution: Execution, reason: string, cause?: unknown): RpcError {
    return rpcError({ method, to, self: this.#self }, code, execution, reason, cause === undefined ? {} : { cause });
  }

  ofCall(call: Failing, code: Code, execution: Execution, reason: string, detail?: FailureDetail): RpcError {
    return rpcError({ method: call.method.name, to: call.to, self: this.#self }, code, execution, reason, detail);
  }

  noTarget(method: string): RpcError {
    return this.of(method, addressOrText(undefined), "INVALID_ARGUMENT", "notRun", `no target was given; ${HINT.noTarget}`);
  }

  /** After {@link closed}. */
  notAnyMore(method: string, to: LogicalAddress | string, closed: string): RpcError {
    return this.of(method, to, "CANCELLED", "notRun", `${closed}; ${HINT.closed}`);
  }

  tooManyInFlight(method: string, to: LogicalAddress, inFlight: number): RpcError {
    const reason = `${inFlight} calls in flight`;
    this.#limits.hit("rpc.maxCallsInFlight", reason, to, method);
    return this.of(method, to, "RESOURCE_EXHAUSTED", "notRun", `${reason}; ${HINT.tooManyCalls}`);
  }

  /** An encoder threw; the body that it began is forgotten. */
  notEncoded(method: string, to: LogicalAddress, outbound: Outbound, cause: unknown): RpcError {
    // Of nested messages the inner one fails; the outer one is still being encoded.
    if (!(cause instanceof NestedEncodingError)) outbound.abandon();
    if (cause instanceof MessageTooLargeError) {
      const reason = `the message is over the limit of ${outbound.maxPayloadBytes} bytes`;
      this.#limits.hit("rpc.maxPayloadBytes", reason, to, method);
      return this.of(method, to, "RESOURCE_EXHAUSTED", "notRun", `${reason}; ${HINT.tooLarge}`, cause);
    }
    return this.of(method, to, "INVALID_ARGUMENT", "notRun", `the message cannot be encoded: ${messageOf(cause)}; ${HINT.input}`, cause);
  }

  /** The link has not taken the message. */
  notTaken(method: string, to: LogicalAddress, result: CommitResult): RpcError {
    switch (result) {
      case COMMIT.pendingFull:
        return this.of(method, to, "RESOURCE_EXHAUSTED", "notRun", `${this.#router.describe(to)}; ${HINT.pendingFull}`);
      case COMMIT.congested:
        this.#limits.hit("link.maxBufferedBytes", "too much waits to be read by the peer", to, method);
        return this.of(method, to, "RESOURCE_EXHAUSTED", "notRun", HINT.congested);
      case COMMIT.unknownTarget:
        return this.of(method, to, "UNAVAILABLE", "notRun", `discovery does not know it; ${HINT.unknownTarget}`);
      default:
        return this.of(method, to, "UNAVAILABLE", "notRun", `${this.#router.describe(to)}; ${HINT.left}`);
    }
  }

  /** It waited in a queue, never went out and will not. */
  unsent(method: string, to: LogicalAddress, cause: Error): RpcError {
    if (this.closed !== undefined) return this.notAnyMore(method, to, this.closed);
    return this.of(method, to, "UNAVAILABLE", "notRun", unsentReason(cause), cause instanceof UnsentError ? cause.cause : cause);
  }

  /** The connection is gone over which it went. `notTaken`: the peer has said that it did not take it. */
  lost(method: string, to: LogicalAddress, cause: Error, notTaken: boolean): RpcError {
    const reason = notTaken ? unsentReason(cause) : `link lost: ${describeCause(cause)}; ${HINT.lost}`;
    return this.of(method, to, "UNAVAILABLE", notTaken ? "notRun" : "unknown", reason, cause);
  }

  /** Its deadline is over. `notSent`: and it never went out. */
  expired(call: Failing, notSent: boolean): RpcError {
    const reason = `${this.#router.describe(call.to)}; ${notSent ? HINT.deadlineNotRun : HINT.deadlineUnknown}`;
    return this.ofCall(call, "DEADLINE_EXCEEDED", notSent ? "notRun" : "unknown", reason);
  }
}
