/** What this node answers to: methods by the hash of their names, messages by id, raw bytes by command. */
import { chain, type HandlerInterceptor, type IncomingCall } from "./interceptor.js";
import type { RequestContext } from "./request-context.js";
import type { Codec, Context, Message, Method } from "./service.js";

export type RunHandler = (input: unknown, context: Context) => unknown;

export interface MethodHandler {
  readonly method: Method<unknown, unknown>;
  run: (input: unknown, context: RequestContext) => unknown;
  /** Without interceptors. */
  readonly handler: RunHandler;
}

export interface MessageHandler {
  readonly name: string;
  readonly codec: Pick<Codec<unknown>, "decode">;
  readonly handler: MethodHandler["run"];
}

export class HandlerTable {
  readonly #methods = new Map<number, MethodHandler>();
  readonly #messages = new Map<number, MessageHandler>();
  readonly #commands = new Map<number, MessageHandler>();
  #interceptors: readonly HandlerInterceptor[] = [];

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
    this.#methods.set(method.id, { method, handler, run: this.#intercept(method, handler) });
  }

  /** @throws Error when the id is there already. */
  addMessage(message: Message<unknown>, handler: RunHandler): void {
    const there = this.#messages.get(message.messageId);
    if (there !== undefined)
      throw new Error(`message id ${message.messageId} (${message.messageName}) has a handler already, for ${there.name}`);
    this.#messages.set(message.messageId, { name: message.messageName, codec: message, handler });
  }

  /** @throws Error when the command is there already, or is no 16-bit number. */
  addCommand(command: number, codec: Pick<Codec<unknown>, "decode">, handler: RunHandler): void {
    if (!Number.isInteger(command) || command < 0 || command > 0xffff)
      throw new RangeError(`command ${command} is not a whole number from 0 to 65535`);
    if (this.#commands.has(command)) throw new Error(`command ${command} has a handler already`);
    this.#commands.set(command, { name: `command ${command}`, codec, handler });
  }

  use(interceptor: HandlerInterceptor): void {
    this.#interceptors = [...this.#interceptors, interceptor];
    for (const entry of this.#methods.values()) entry.run = this.#intercept(entry.method, entry.handler);
  }

  #intercept(method: Method<unknown, unknown>, handler: RunHandler): MethodHandler["run"] {
    if (this.#interceptors.length === 0) return handler;
    const run = chain<IncomingCall>(this.#interceptors, async ({ input, context }) => handler(input, context));
    return (input, context) => run({ method, oneWay: context.isOneWay, input, context });
  }
}
