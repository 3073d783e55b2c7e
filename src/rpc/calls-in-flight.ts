/**
 * Calls that wait for their replies, and all that may end one: a reply, an error, a lost link, its signal, its deadline. A
 * call is in the table from the moment it is placed; whoever takes it out settles it, so that it is settled exactly once.
 */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { RpcError } from "../errors.js";
import { messageEvents } from "../events/channels.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { Clock } from "../internal/clock.js";
import { messageOf } from "../internal/message-of.js";
import { BinaryReader } from "../protobuf/binary-reader.js";
import { decodeError } from "../wire/error-codec.js";
import { NestedEncodingError } from "../wire/frame-writer.js";
import { FLAGS, KIND, seqBefore } from "../wire/header.js";
import { metadataLength } from "../wire/metadata.js";
import type { CallFailures } from "./call-failures.js";
import { type Call, CallTable, type Retry } from "./call-table.js";
import { HINT } from "./failure.js";
import { sayOut } from "./message-events.js";
import type { Router } from "./router.js";
import type { Sender } from "./sender.js";
import type { Method } from "./service.js";
import { SignalCalls } from "./signal-calls.js";

const cancelBody = new Uint8Array(1);

export class CallsInFlight {
  readonly table: CallTable;
  readonly #sender: Sender;
  readonly #router: Router;
  readonly #clock: Clock;
  readonly #failures: CallFailures;
  readonly #placeAgain: (call: Call, retry: Retry, next: Retry | undefined) => void;
  readonly #reader = new BinaryReader(new Uint8Array(0));
  readonly #signals = new SignalCalls((call, signal) => this.abort(call, signal));

  /** `placeAgain`: elsewhere than `call.to`, with `next` for when that fails too. */
  constructor(
    sender: Sender,
    router: Router,
    clock: Clock,
    failures: CallFailures,
    placeAgain: (call: Call, retry: Retry, next: Retry | undefined) => void,
  ) {
    this.#sender = sender;
    this.#router = router;
    this.#clock = clock;
    this.#failures = failures;
    this.#placeAgain = placeAgain;
    this.table = new CallTable(clock, (call) => this.#onExpired(call));
  }

  get size(): number {
    return this.table.size;
  }

  /** The calls that have waited longest. Reads all of them. */
  oldest(count: number): Call[] {
    return this.table.oldest(count);
  }

  /** What the call is that a reply belongs to. */
  methodOf(peer: LogicalAddress, seq: number): Method<unknown, unknown> | undefined {
    return this.table.peek(peer, seq)?.method;
  }

  waitsFor(peer: LogicalAddress): boolean {
    return this.table.waitsFor(peer);
  }

  /** Whether any call waits that went out over one connection: `sent` is all that did. */
  waitOver(sent: Iterable<{ readonly to: LogicalAddress; readonly first: number; readonly last: number }>): boolean {
    for (const { to, first, last } of sent) if (this.table.waitsWithin(to, first, last)) return true;
    return false;
  }

  /** Resolves when no call waits for a reply. */
  idle(): Promise<void> {
    return this.table.idle();
  }

  /** A reply has come. Hot path. */
  onReply(from: LogicalAddress, epoch: number, seq: number, flags: number, body: Buffer, start: number, end: number): void {
    // A number that this incarnation did not give, or a sender that was not asked, settles nothing.
    if (epoch !== this.#sender.epoch) return;
    const call = this.table.take(from, seq);
    if (call === undefined) return;
    this.#release(call);
    try {
      const at = (flags & FLAGS.metadata) === 0 ? start : start + metadataLength(body, start, end);
      const output = call.method.output.decode(this.#reader.attach(body, at, end), end - at);
      this.#reader.expectEnd();
      call.resolve(output);
    } catch (cause) {
      call.reject(
        this.#failures.of(
          call.method.name,
          call.to,
          "INTERNAL",
          "ran",
          `the reply cannot be decoded: ${messageOf(cause)}; ${HINT.otherProto}`,
          cause,
        ),
      );
    }
  }

  /** An error of the handler, a refusal of its node, or a harbor's word. */
  onError(kind: number, from: LogicalAddress, epoch: number, seq: number, body: Buffer, start: number, end: number): void {
    if (epoch !== this.#sender.epoch) return;
    const call = this.table.take(from, seq);
    if (call === undefined) return;
    try {
      const error = decodeError(body, start, end);
      const execution = error.execution ?? (kind === KIND.error ? "ran" : "notRun");
      const { code, reason } = error;
      this.fail(call, this.#failures.ofCall(call, code, execution, reason === "" ? "no reason given" : reason, error));
    } catch (cause) {
      this.fail(
        call,
        this.#failures.of(call.method.name, call.to, "INTERNAL", "unknown", `the error cannot be decoded: ${messageOf(cause)}`, cause),
      );
    }
  }

  /** The peer's reply was too large to be taken. */
  onOversizeReply(from: LogicalAddress, epoch: number, seq: number, reason: string): void {
    if (epoch !== this.#sender.epoch) return;
    const call = this.table.take(from, seq);
    if (call !== undefined)
      this.fail(
        call,
        this.#failures.of(
          call.method.name,
          call.to,
          "RESOURCE_EXHAUSTED",
          "ran",
          `the reply was not taken: ${reason}; ${HINT.tooLargeReply}`,
        ),
      );
  }

  /**
   * The connection is gone over which numbers `first` to `last` went to `peer`. `taken`: the last one that the peer says it
   * took, where it has said so; later ones did not run.
   */
  onLost(peer: LogicalAddress, first: number, last: number, cause: Error, taken: number | undefined): void {
    for (const call of this.table.takeRange(peer, first, last)) {
      const notTaken = taken !== undefined && seqBefore(taken, call.seq);
      this.fail(call, this.#failures.lost(call.method.name, peer, cause, notTaken));
    }
  }

  /**
   * A relay has lost its link to `target`: numbers `first` to `last`, which it had passed on, may have run. What is not wholly
   * sent is taken back. `path`: the relays up to that one.
   */
  onGone(target: LogicalAddress, first: number, last: number, path: readonly LogicalAddress[]): void {
    const relay = formatAddress(path.at(-1)!);
    for (const call of this.table.takeRange(target, first, last)) {
      const notRun = call.outbound.withdraw(target, this.#sender.epoch, call.seq);
      const reason = `harbor ${relay} lost its link to ${formatAddress(target)}; ${notRun ? HINT.lostUnsent : HINT.lost}`;
      this.fail(call, this.#failures.ofCall(call, "UNAVAILABLE", notRun ? "notRun" : "unknown", reason, { path }));
    }
  }

  /** A queued request never went out and will not. True when its call still waited. */
  onUnsent(to: LogicalAddress, seq: number, cause: Error): boolean {
    const call = this.table.take(to, seq);
    if (call === undefined) return false;
    const isLate = call.deadlineAt <= this.#clock.now();
    if (isLate) call.retry = undefined;
    this.fail(call, isLate ? this.#failures.expired(call, true) : this.#failures.unsent(call.method.name, to, cause));
    return true;
  }

  /** A dial to `peer` failed: calls to a picker that wait for it go elsewhere, where there is anybody. */
  onUnreachable(peer: LogicalAddress): void {
    for (const call of this.table.of(peer)) {
      const { retry } = call;
      if (retry === undefined || !this.#router.hasElsewhere(retry.picker.type, retry.picker.policy, peer)) continue;
      if (!call.outbound.withdraw(peer, this.#sender.epoch, call.seq) || this.table.take(peer, call.seq) !== call) continue;
      this.#release(call);
      this.#placeAgain(call, retry, retry);
    }
  }

  /** Fails all of them; gives how many there were. */
  failAll(reason: string): number {
    const calls = this.table.takeAll();
    for (const call of calls) {
      const notRun = call.outbound.withdraw(call.to, this.#sender.epoch, call.seq);
      call.retry = undefined;
      const text = `${reason}; ${notRun ? HINT.closed : HINT.lost}`;
      this.fail(call, this.#failures.of(call.method.name, call.to, "CANCELLED", notRun ? "notRun" : "unknown", text));
    }
    return calls.length;
  }

  /** Aborts `call` when `signal` does. */
  watch(call: Call, signal: AbortSignal): void {
    this.#signals.add(call, signal);
  }

  /** Its signal has aborted. */
  abort(call: Call, signal: AbortSignal): void {
    if (this.table.take(call.to, call.seq) !== call) return;
    call.retry = undefined;
    const notRun = call.outbound.withdraw(call.to, this.#sender.epoch, call.seq);
    if (!notRun) this.#sendCancel(call);
    const reason = notRun ? `cancelled before it was sent: ${reasonOf(signal)}` : `cancelled: ${reasonOf(signal)}; ${HINT.cancelled}`;
    this.fail(call, this.#failures.of(call.method.name, call.to, "CANCELLED", notRun ? "notRun" : "unknown", reason, signal.reason));
  }

  #sendCancel(call: Call): void {
    const { outbound } = call;
    try {
      outbound.begin(cancelBody.length).raw(cancelBody);
    } catch (error) {
      if (!(error instanceof NestedEncodingError)) throw error;
      this.#clock.afterTurn(() => this.#sendCancel(call)); // cancelled by the encoder of another message
      return;
    }
    const { address, epoch } = this.#sender;
    outbound.commit(KIND.cancel, 0, call.to, address, epoch, call.seq, 0, Number.POSITIVE_INFINITY);
    if (messageEvents.hasSubscribers) sayOut(address, KIND.cancel, call.to, call.method.name, call.seq, 0, () => undefined);
  }

  #onExpired(call: Call): void {
    call.retry = undefined;
    const notSent = call.outbound.withdraw(call.to, this.#sender.epoch, call.seq);
    this.fail(call, this.#failures.expired(call, notSent));
  }

  /** `call` has been taken out of the table, or never was in it. */
  fail(call: Call, error: RpcError): void {
    this.#release(call);
    const { retry } = call;
    if (retry === undefined || error.execution !== "notRun" || this.#failures.closed !== undefined) return call.reject(error);
    this.#placeAgain(call, retry, undefined); // once more: the first attempt did not run
  }

  #release(call: Call): void {
    const signal = call.options?.signal;
    if (signal !== undefined) this.#signals.remove(call, signal);
  }
}

export function reasonOf(signal: AbortSignal): string {
  return messageOf(signal.reason);
}
