/** A node that enters into the ledger what is asked of it and what its handlers do. Nothing of the library knows. */
import { type LogicalAddress, toAddress } from "../addr/logical-address.js";
import { ClusterNode } from "../node/node.js";
import type { ResolvedNodeOptions } from "../node/options.js";
import { BinaryWriter } from "../protobuf/binary-writer.js";
import type { Interceptors } from "../rpc/interceptor.js";
import type { MethodLimitOptions } from "../rpc/method-limit-options.js";
import { isRefusalOf } from "../rpc/refusal.js";
import { ambient, RequestContext } from "../rpc/request-context.js";
import {
  type CallOptions,
  type Codec,
  type Context,
  defineMethod,
  type Message,
  type Method,
  type MethodOf,
  type PostOptions,
  type Target,
} from "../rpc/service.js";
import type { Entry, Ledger, Run } from "./ledger.js";
import type { SimProcess } from "./sim-process.js";

interface Nothing {
  readonly nothing?: undefined;
}

const NOTHING: Codec<Nothing> = { encode: (_message, writer = new BinaryWriter()) => writer, decode: () => ({}), fromPartial: () => ({}) };
const REACH = defineMethod("clusterts.testing/reach", "unary", NOTHING, NOTHING);

type Handler = (input: never, context: Context) => unknown;

export class WatchedNode extends ClusterNode {
  readonly process: SimProcess;
  /** What the node was made with. */
  readonly resolved: ResolvedNodeOptions;
  readonly #ledger: Ledger;
  /** Whether the next call goes out with a mark by which its handler is known; some go without, as in production. */
  readonly #marks: () => boolean;
  /** Methods whose requests may wait, behind a limit, and begin behind later ones of other methods. */
  readonly #mayWait = new Set<string>();

  constructor(options: ResolvedNodeOptions, process: SimProcess, ledger: Ledger, marks: () => boolean) {
    super(options);
    this.process = process;
    this.resolved = options;
    this.#ledger = ledger;
    this.#marks = marks;
  }

  override use(interceptors: Interceptors): void {
    this.#ledger.intercepted = true;
    super.use(interceptors);
  }

  override limit(method: string, options: MethodLimitOptions): void {
    super.limit(method, options);
    if (options.maxQueued !== undefined && options.maxQueued > 0) this.#mayWait.add(method);
  }

  override invoke<I, O>(
    to: Target | undefined,
    method: MethodOf<I, O, "server"> | MethodOf<I, O, "bidi">,
    input: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<O>;
  override invoke<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: CallOptions): Promise<O>;
  override invoke<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: CallOptions): unknown {
    if (method.kind !== "unary") return super.invoke(to, method, input, options); // the ledger keeps calls with one answer
    const { callTimeoutMs } = this.resolved.rpc;
    const { clock } = this.resolved;
    const surrounding =
      options?.detached === true ? Number.POSITIVE_INFINITY : (ambient.getStore()?.deadlineAt ?? Number.POSITIVE_INFINITY);
    const deadlineAt = Math.min(clock.now() + (options?.timeoutMs ?? callTimeoutMs), surrounding);
    const entry = this.#place(to, method.name, false, deadlineAt);
    if (entry === undefined) return super.invoke(to, method, input, options);
    return this.#watch(entry, super.invoke(to, method, input, { ...options, metadata: this.#ledger.mark(entry, options?.metadata) }));
  }

  override post<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: PostOptions): Promise<void> {
    const entry = this.#place(to, method.name, true, Number.POSITIVE_INFINITY);
    if (entry === undefined) return super.post(to, method, input, options);
    return this.#watch(entry, super.post(to, method, input, { ...options, metadata: this.#ledger.mark(entry, options?.metadata) }));
  }

  override send<T>(to: Target, message: Message<T>, value: Partial<T>, options?: PostOptions): Promise<void>;
  override send(to: Target, command: number, payload: Uint8Array, options?: PostOptions): Promise<void>;
  override send(to: Target, what: Message<unknown> | number, value: unknown, options?: PostOptions): Promise<void> {
    const name = typeof what === "number" ? `command ${what}` : what.messageName;
    const entry = this.#place(to, name, true, Number.POSITIVE_INFINITY);
    const marked = entry === undefined ? options : { ...options, metadata: this.#ledger.mark(entry, options?.metadata) };
    const sent =
      typeof what === "number"
        ? super.send(to, what, value as Uint8Array, marked)
        : super.send(to, what, value as Partial<unknown>, marked);
    return entry === undefined ? sent : this.#watch(entry, sent);
  }

  override handle<I, O>(method: Method<I, O>, handler: Handler): void {
    super.handle(method, this.#watched(handler));
  }

  override onMessage<T>(message: Message<T>, handler: (value: T, context: Context) => void | Promise<void>): void;
  override onMessage(command: number, handler: (payload: Uint8Array, context: Context) => void | Promise<void>): void;
  override onMessage(what: Message<unknown> | number, handler: Handler): void {
    const watched = this.#watched(handler) as (input: unknown, context: Context) => void | Promise<void>;
    if (typeof what === "number") super.onMessage(what, watched);
    else super.onMessage(what, watched);
  }

  /** A call that no handler takes: its refusal shows that the node was reached. */
  reach(to: LogicalAddress): Promise<unknown> {
    return super.invoke(to, REACH, {}, { timeoutMs: 5_000, detached: true });
  }

  #place(to: Target | undefined, method: string, oneWay: boolean, deadlineAt: number): Entry | undefined {
    if (!this.#marks()) return undefined;
    return this.#ledger.place({ by: this.process, method, to: addressOf(to), oneWay, deadlineAt });
  }

  /** The caller gets the promise itself; the ledger looks on. */
  #watch<T>(entry: Entry, outcome: Promise<T>): Promise<T> {
    outcome.then(
      () => this.#ledger.settle(entry, undefined),
      (error: unknown) => this.#ledger.settle(entry, error),
    );
    return outcome;
  }

  /** A handler that returns no promise still returns none. */
  #watched(handler: Handler): Handler {
    return (input, context) => {
      const run = this.#ledger.dispatch(this.process, context, !this.#mayWait.has(context.method));
      if (run === undefined) return handler(input, context);
      let result: unknown;
      try {
        result = handler(input, context);
      } catch (error) {
        failed(run, context, error);
        throw error;
      }
      if (!(result instanceof Promise)) {
        run.ended(false);
        return result;
      }
      return result.then(
        (output: unknown) => {
          run.ended(false);
          return output;
        },
        (error: unknown) => {
          failed(run, context, error);
          throw error;
        },
      );
    };
  }
}

/** A mailbox refuses in the place of the handler that it holds. */
function failed(run: Run, context: Context, error: unknown): void {
  if (context instanceof RequestContext && isRefusalOf(context, error)) run.refused();
  else run.ended(true);
}

function addressOf(to: Target | undefined): LogicalAddress | undefined {
  if (to === undefined || typeof to === "object") return undefined;
  try {
    return toAddress(to);
  } catch {
    return undefined; // the call itself says what is wrong with it
  }
}
