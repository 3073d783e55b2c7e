/** Sorts what has arrived, from a connection or from this node itself, to the calling and the serving side. */
import type { LogicalAddress } from "../addr/logical-address.js";
import { messageEvents } from "../events/channels.js";
import { FLAGS, KIND } from "../wire/header.js";
import type { RpcCaller } from "./caller.js";
import type { CallsInFlight } from "./calls-in-flight.js";
import type { Dispatcher } from "./dispatcher.js";
import { HINT } from "./failure.js";
import { sayIn } from "./message-events.js";
import type { ReplyPath } from "./reply-path.js";

export class MessageSink {
  readonly #caller: RpcCaller;
  readonly #calls: CallsInFlight;
  readonly #dispatcher: Dispatcher;

  constructor(caller: RpcCaller, dispatcher: Dispatcher) {
    this.#caller = caller;
    this.#calls = caller.calls;
    this.#dispatcher = dispatcher;
  }

  /** Hot path. `body[start, end)` stays as it is: views of it may be kept. */
  onMessage(
    path: ReplyPath,
    kind: number,
    flags: number,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    body: Buffer,
    start: number,
    end: number,
  ): void {
    if (messageEvents.hasSubscribers) this.#say(kind, flags, from, seq, body, start, end);
    switch (kind) {
      case KIND.reply:
        return this.#calls.onReply(from, epoch, seq, flags, body, start, end);
      case KIND.request:
        return this.#dispatcher.onRequest(path, flags, from, epoch, seq, remainingMs, body, start, end);
      case KIND.error:
      case KIND.refused:
      case KIND.hopError:
        return this.#calls.onError(kind, from, epoch, seq, body, start, end);
      case KIND.cancel:
        return this.#dispatcher.onCancel(path, from, epoch, seq);
      case KIND.post:
        return this.#dispatcher.onPost(path, flags, from, body, start, end);
      case KIND.message:
        return this.#dispatcher.onMessage(path, flags, from, body, start, end);
      case KIND.bytes:
        return this.#dispatcher.onBytes(path, flags, from, body, start, end);
      default:
        // A newer peer's kind never costs the link.
        if ((flags & FLAGS.ignorable) === 0)
          this.#dispatcher.refuse(path, from, epoch, seq, "UNIMPLEMENTED", `frames of kind ${kind} are not known here`);
    }
  }

  /** Messages sent after it have been taken already: to run it now would break their order. `over`: what it came over. */
  onOvertaken(path: ReplyPath, kind: number, from: LogicalAddress, epoch: number, seq: number, over = "an earlier connection"): void {
    const reason = `it came over ${over}, behind messages sent after it`;
    if (kind === KIND.request) this.#dispatcher.refuse(path, from, epoch, seq, "UNAVAILABLE", `${reason}; ${HINT.overtaken}`);
    else this.#dispatcher.oneWays.drop(from, "overtaken", reason);
  }

  /** A message of `kind` is too large to be taken. */
  onOversize(path: ReplyPath, kind: number, from: LogicalAddress, epoch: number, seq: number, reason: string): void {
    switch (kind) {
      case KIND.request:
        return this.#dispatcher.refuse(path, from, epoch, seq, "RESOURCE_EXHAUSTED", `${reason}; ${HINT.tooLargeThere}`);
      case KIND.reply:
      case KIND.error:
        return this.#calls.onOversizeReply(from, epoch, seq, reason);
      default:
        this.#dispatcher.oneWays.drop(from, "tooLarge", reason);
    }
  }

  #say(kind: number, flags: number, from: LogicalAddress, seq: number, body: Buffer, start: number, end: number): void {
    const caller = this.#caller;
    const { handlers } = this.#dispatcher;
    sayIn(caller.address, kind, flags, from, seq, body, start, end, handlers, (peer, call) => caller.calls.methodOf(peer, call));
  }
}
