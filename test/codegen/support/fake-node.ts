/** Both sides of a node as stubs see them: remembers what they ask for, and answers when a test says so. */
import type { Caller, CallOptions, Context, Method, PostOptions, Registrar, Target } from "../../../src/rpc/service.js";

export interface Invocation {
  readonly to: Target | undefined;
  readonly method: Method<never, unknown>;
  readonly input: unknown;
  readonly options: CallOptions | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface FakePost {
  readonly to: Target | undefined;
  readonly method: { readonly name: string };
  readonly input: unknown;
  readonly options: PostOptions | undefined;
}

export class FakeNode implements Caller, Registrar {
  readonly invocations: Invocation[] = [];
  readonly posts: FakePost[] = [];
  readonly #handlers = new Map<string, (input: never, context: Context) => unknown>();

  get methods(): string[] {
    return [...this.#handlers.keys()];
  }

  invoke<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: CallOptions): unknown {
    return new Promise((resolve, reject) => {
      this.invocations.push({ to, method: method as unknown as Method<never, unknown>, input, options, resolve, reject });
    });
  }

  async post<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: PostOptions): Promise<void> {
    this.posts.push({ to, method, input, options });
  }

  handle<I, O>(method: Method<I, O>, handler: (input: never, context: Context) => unknown): void {
    this.#handlers.set(method.name, handler);
  }

  /** The one call that was made. */
  only(): Invocation {
    const [invocation, ...more] = this.invocations;
    if (invocation === undefined || more.length > 0) throw new Error(`${this.invocations.length} calls were made, not one`);
    return invocation;
  }

  /** Gives the handler of a method a request. */
  run(method: string, input: unknown, context: Context): unknown {
    const handler = this.#handlers.get(method);
    if (handler === undefined) throw new Error(`nobody handles ${method}`);
    return handler(input as never, context);
  }
}
