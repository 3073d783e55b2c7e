/**
 * One-way messages: to methods, by id, or raw. They share the numbers of the calls, so that both keep one order, and have no
 * reply: the promise says that the message was handed to a connection.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import { callEvents, messageEvents } from "../events/channels.js";
import type { Clock } from "../internal/clock.js";
import { COMMIT } from "../internal/commit-result.js";
import { messageOf } from "../internal/message-of.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import { FLAGS, KIND } from "../wire/header.js";
import type { CallFailures } from "./call-failures.js";
import type { CallTable } from "./call-table.js";
import { CallWatch } from "./call-watch.js";
import { addressOrText } from "./failure.js";
import { beginBody, checkedSize } from "./message-body.js";
import { sayOut } from "./message-events.js";
import { OneWays } from "./one-ways.js";
import type { Outbound } from "./outbound.js";
import type { Sender } from "./sender.js";
import type { Message, Method, PostOptions, Target } from "./service.js";
import type { Targets } from "./targets.js";

const SENT = Promise.resolve();

export class OneWaySender {
  readonly #sender: Sender;
  readonly #targets: Targets;
  readonly #numbers: CallTable;
  readonly #failures: CallFailures;
  readonly #clock: Clock;
  readonly #waiting = new OneWays();

  constructor(sender: Sender, targets: Targets, numbers: CallTable, failures: CallFailures, clock: Clock) {
    this.#sender = sender;
    this.#targets = targets;
    this.#numbers = numbers;
    this.#failures = failures;
    this.#clock = clock;
  }

  /** To a method. */
  post(to: Target, method: Method<unknown, unknown>, input: unknown, options: PostOptions | undefined): Promise<void> {
    return this.#watched(to, method.name, KIND.post, method.id, input, options, (writer) => {
      method.input.encode(method.input.fromPartial(input as never), writer);
    });
  }

  /** A protobuf message, by its registered id. */
  message<T>(to: Target, message: Message<T>, value: unknown, options: PostOptions | undefined): Promise<void> {
    return this.#watched(to, message.messageName, KIND.message, message.messageId, value, options, (writer) => {
      message.encode(message.fromPartial(value as never), writer);
    });
  }

  /** Bytes, by a 16-bit command. */
  bytes(to: Target, command: number, payload: Uint8Array, options: PostOptions | undefined): Promise<void> {
    const name = `command ${command}`;
    const fault = bytesFault(command, payload);
    if (fault !== undefined) return Promise.reject(this.#failures.of(name, addressOrText(to), "INVALID_ARGUMENT", "notRun", fault));
    return this.#watched(to, name, KIND.bytes, command, payload, options, (writer) => void writer.raw(payload));
  }

  /** A queued message has gone out. */
  onSent(to: LogicalAddress, seq: number): void {
    this.#waiting.sent(to, seq);
  }

  /** A queued message never went out and will not. True when somebody was told. */
  onUnsent(to: LogicalAddress, seq: number, cause: Error): boolean {
    return this.#waiting.unsent(to, seq, (name) => this.#failures.unsent(name, to, cause));
  }

  #watched(
    target: Target,
    name: string,
    kind: number,
    id: number,
    value: unknown,
    options: PostOptions | undefined,
    encode: (writer: BinaryWriter) => void,
  ): Promise<void> {
    if (!callEvents.hasSubscribers) return this.#send(target, name, kind, id, value, options, encode, undefined);
    const watch = new CallWatch(this.#sender.address, name, true, this.#clock);
    return watch.until(this.#send(target, name, kind, id, value, options, encode, watch));
  }

  /** `value` is what `encode` encodes. */
  #send(
    target: Target,
    name: string,
    kind: number,
    id: number,
    value: unknown,
    options: PostOptions | undefined,
    encode: (writer: BinaryWriter) => void,
    watch: CallWatch | undefined,
  ): Promise<void> {
    const to = this.#targets.resolve(target, name, undefined);
    if (to instanceof RpcError) return Promise.reject(to);
    if (watch !== undefined) watch.to = to;
    const outbound = this.#targets.way(to, name);
    if (outbound instanceof RpcError) return Promise.reject(outbound);
    let size: number;
    try {
      const writer = beginBody(outbound, id, options?.metadata);
      const start = writer.pos;
      encode(writer);
      size = checkedSize(writer, start, outbound);
    } catch (cause) {
      return Promise.reject(this.#failures.notEncoded(name, to, outbound, cause));
    }
    const seq = this.#numbers.peer(to).next();
    const flags = options?.metadata === undefined ? 0 : FLAGS.metadata;
    const { address, epoch } = this.#sender;
    const result = outbound.commit(kind, flags, to, address, epoch, seq, 0, Number.POSITIVE_INFINITY);
    if (result <= COMMIT.queued && messageEvents.hasSubscribers) sayOut(address, kind, to, name, seq, size, () => value);
    if (result === COMMIT.sent) return outbound.congested ? this.#untilWritable(outbound, to, name) : SENT;
    if (result === COMMIT.queued) return this.#waiting.queued(to, seq, name);
    return Promise.reject(this.#failures.notTaken(name, to, result));
  }

  /** What was handed over may still be lost with the connection for whose buffers it waits. */
  async #untilWritable(outbound: Outbound, to: LogicalAddress, name: string): Promise<void> {
    try {
      await outbound.writable();
    } catch (error) {
      throw this.#failures.lost(name, to, error instanceof Error ? error : new Error(messageOf(error)), false);
    }
  }
}

function bytesFault(command: number, payload: Uint8Array): string | undefined {
  if (!Number.isInteger(command) || command < 0 || command > 0xffff) return "a command is a whole number from 0 to 65535";
  return payload instanceof Uint8Array ? undefined : "a payload is a Uint8Array";
}
