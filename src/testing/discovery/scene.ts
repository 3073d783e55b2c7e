/** What one check uses: an adapter on an empty store, and all that it opens there. */
import assert from "node:assert/strict";
import { formatAddress } from "../../addr/logical-address.js";
import type { Discovery, Member, Registration } from "../../discovery/discovery.js";
import type { AbortSignal } from "../../internal/abort-signal.js";
import { inTime } from "./in-time.js";
import { View } from "./view.js";

/** One check's adapter, with everything it opened. */
export class Scene {
  readonly discovery: Discovery;
  readonly #timeoutMs: number;
  readonly #views: View[] = [];
  readonly #entries: { readonly entry: Registration; readonly abort: AbortController }[] = [];

  constructor(timeoutMs: number, discovery: Discovery) {
    this.discovery = discovery;
    this.#timeoutMs = timeoutMs;
  }

  watch(options: { signal?: AbortSignal; again?: boolean } = {}): View {
    const view = new View(this.discovery, { timeoutMs: this.#timeoutMs, given: options.signal, again: options.again });
    this.#views.push(view);
    return view;
  }

  async register(self: Member): Promise<Registration> {
    const abort = new AbortController();
    const entry = await this.within(
      `registering ${formatAddress(self.address)}`,
      async () => this.discovery.register?.(Object.freeze({ ...self }), abort.signal), // as a node does
    );
    assert.ok(entry !== undefined, "the adapter has register()");
    this.#entries.push({ entry, abort });
    return entry;
  }

  /** The result of `work`, or an error that says what was waited for. */
  within<T>(what: string, work: () => PromiseLike<T>): Promise<T> {
    return inTime(this.#timeoutMs, what, work());
  }

  async end(): Promise<void> {
    for (const { entry, abort } of this.#entries) {
      await this.within("disposing", () => disposeLost(entry));
      abort.abort();
    }
    for (const view of this.#views) await view.end();
  }
}

/** An entry that is lost may say so when it is disposed, or not. */
export async function disposeLost(entry: Registration): Promise<void> {
  try {
    await entry[Symbol.asyncDispose]();
  } catch (error) {
    assert.ok(error instanceof Error, "what disposing throws is an Error");
  }
}
