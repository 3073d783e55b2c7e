/** What this node answers to: methods by the hash of their names, messages by id, raw bytes by command. */
import type { LimitHits } from "../events/limit-hits.js";
import { closest } from "../internal/closest.js";
import { chain, type HandlerInterceptor, type IncomingCall } from "./interceptor.js";
import { MethodLimit } from "./method-limit.js";
import { checkedLimit, type MethodLimitOptions, type MethodLimitStatus } from "./method-limit-options.js";
import { nameHash } from "./name-hash.js";
import type { RequestContext } from "./request-context.js";
import type { Codec, Context, Message, Method } from "./service.js";

export type RunHandler = (input: unknown, context: Context) => unknown;

export interface MethodHandler {
  readonly method: Method<unknown, unknown>;
  run: (input: unknown, context: RequestContext) => unknown;
  /** Without the limit: for calls over streams, which last longer than what the handler returns. */
  intercepted: (input: unknown, context: RequestContext) => unknown;
  /** Without interceptors and limit. */
  readonly handler: RunHandler;
  limit: MethodLimit | undefined;
}

export interface MessageHandler {
  readonly name: string;
  readonly codec: Pick<Codec<unknown>, "decode">;
  readonly handler: MethodHandler["run"];
}

export class HandlerTable {
  readonly #limits: LimitHits;
  readonly #methods = new Map<number, MethodHandler>();
  readonly #messages = new Map<number, MessageHandler>();
  readonly #commands = new Map<number, MessageHandler>();
  #interceptors: readonly HandlerInterceptor[] = [];

  constructor(limits: LimitHits) {
    this.#limits = limits;
  }

  method(id: number): MethodHandler | undefined {
    return this.#methods.get(id);
  }

  message(id: number): MessageHandler | undefined {
    return this.#messages.get(id);
  }

  command(id: number): MessageHandler | undefined {
    return this.#commands.get(id);
  }

  /** @throws Error when the method, or another one with the same hash, is there already. */
  addMethod(method: Method<unknown, unknown>, handler: RunHandler): void {
    const there = this.#methods.get(method.id);
    if (there !== undefined) {
      throw new Error(
        there.method.name === method.name
          ? `${method.name} has a handler already`
          : `${method.name} and ${there.method.name} have the same 32-bit hash ${method.id}: rename one of them`,
      );
    }
    if (typeof handler !== "function") throw new TypeError(`the handler of ${method.name} is not a function`);
    const run = this.#intercept(method, handler);
    this.#methods.set(method.id, { method, handler, run, intercepted: run, limit: undefined });
  }

  /** @throws Error when the id is there already. */
  addMessage(message: Message<unknown>, handler: RunHandler): void {
    if (typeof handler !== "function") throw new TypeError(`the handler of ${message.messageName} is not a function`);
    const there = this.#messages.get(message.messageId);
    if (there !== undefined)
      throw new Error(`message id ${message.messageId} (${message.messageName}) has a handler already, for ${there.name}`);
    this.#messages.set(message.messageId, { name: message.messageName, codec: message, handler });
  }

  /** @throws Error when the command is there already, or is no 16-bit number. */
  addCommand(command: number, codec: Pick<Codec<unknown>, "decode">, handler: RunHandler): void {
    if (!Number.isInteger(command) || command < 0 || command > 0xffff)
      throw new RangeError(`command ${command} is not a whole number from 0 to 65535`);
    if (typeof handler !== "function") throw new TypeError(`the handler of command ${command} is not a function`);
    if (this.#commands.has(command)) throw new Error(`command ${command} has a handler already`);
    this.#commands.set(command, { name: `command ${command}`, codec, handler });
  }

  use(interceptor: HandlerInterceptor): void {
    if (typeof interceptor !== "function") throw new TypeError("an interceptor is a function");
    this.#interceptors = [...this.#interceptors, interceptor];
    for (const entry of this.#methods.values()) this.#compose(entry);
  }

  /**
   * Bounds how many requests of a method are worked on at once, or changes that. The limit stands before the interceptors.
   *
   * @throws InvalidOptionsError for a limit that cannot work; Error when no such method has a handler here.
   */
  limit(name: string, options: MethodLimitOptions): void {
    const entry = this.#methods.get(nameHash(name));
    if (entry === undefined || entry.method.name !== name) {
      const meant = closest(
        name,
        Array.from(this.#methods.values(), ({ method }) => method.name),
      );
      const hint = meant === undefined ? "register it first" : `did you mean ${JSON.stringify(meant)}?`;
      throw new Error(`no method ${JSON.stringify(name)} has a handler here; ${hint}`);
    }
    const checked = checkedLimit(name, options);
    if (entry.limit !== undefined) return entry.limit.change(checked);
    entry.limit = new MethodLimit(name, checked, this.#limits);
    this.#compose(entry);
  }

  /** Methods that have one. */
  limits(): Record<string, MethodLimitStatus> {
    const limited = [...this.#methods.values()].filter((entry) => entry.limit !== undefined);
    return Object.fromEntries(limited.map(({ method, limit }) => [method.name, limit!.status()]));
  }

  #compose(entry: MethodHandler): void {
    const run = this.#intercept(entry.method, entry.handler);
    const { limit } = entry;
    entry.intercepted = run;
    entry.run = limit === undefined ? run : (input, context) => limit.run(run, input, context);
  }

  #intercept(method: Method<unknown, unknown>, handler: RunHandler): MethodHandler["run"] {
    if (this.#interceptors.length === 0) return handler;
    const run = chain<IncomingCall>(this.#interceptors, async ({ input, context }) => handler(input, context));
    return (input, context) => run({ method, oneWay: context.isOneWay, input, context });
  }
}
