/// <reference lib="esnext.disposable" preserve="true" />
/** This process's own entry at a server: renewed until it is disposed or lost. */
import { formatAddress } from "../../addr/logical-address.js";
import { RpcError } from "../../errors.js";
import { Members } from "../../gen/clusterts/discovery.js";
import type { AbortSignal } from "../../internal/abort-signal.js";
import type { Clock, Random } from "../../internal/clock.js";
import { Deferred } from "../../internal/deferred.js";
import type { Caller } from "../../rpc/service.js";
import { sleep } from "../abortable.js";
import type { Member, MemberPatch, Registration } from "../discovery.js";
import { isEntryLost, serverError } from "./failure.js";
import { toWire } from "./member-codec.js";

/** Times that an entry is renewed in one lease. */
const RENEWALS = 3;
/** Longest time for an answer to a change. */
const TIMEOUT_MS = 8_000;

export interface ServerRegistrationOptions {
  readonly caller: Caller;
  /** The server, for messages. */
  readonly endpoint: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly self: Member;
  readonly token: bigint;
  readonly leaseMs: number;
  /** Stops renewing, and leaves the entry to its lease. */
  readonly signal: AbortSignal;
  /** Called once, when it is over. */
  readonly onEnd: (how: "taken away" | "left" | "lost") => Promise<void>;
}

export class ServerRegistration implements Registration {
  readonly #options: ServerRegistrationOptions;
  readonly #lost = new Deferred<Error>();
  readonly #stop = new AbortController();
  #self: Member;
  #ended: Promise<void> | undefined;
  #disposing: Promise<void> | undefined;

  constructor(options: ServerRegistrationOptions) {
    this.#options = options;
    this.#self = options.self;
    const { signal } = options;
    signal.addEventListener("abort", this.#leave);
    if (signal.aborted) this.#leave();
    else void this.#keep();
  }

  get fencingToken(): bigint {
    return this.#options.token;
  }

  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  /** Load alone is not waited for to be on disk: it is told again with each renewal. */
  async update(patch: MemberPatch): Promise<void> {
    const { caller, token } = this.#options;
    const next: Member = { ...this.#self, ...patch };
    const isLoadOnly = next.load !== undefined && Object.keys(patch).every((key) => key === "load");
    try {
      const options = { timeoutMs: TIMEOUT_MS, detached: true };
      if (isLoadOnly) await Members.Call(caller).renew({ address: next.address, token, load: next.load, waitMs: 0 }, options);
      else await Members.Call(caller).update({ self: toWire(next), token }, options);
      this.#self = next;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    await this.#disposing;
  }

  async #dispose(): Promise<void> {
    if (this.#ended !== undefined) return await this.#ended;
    const { caller, self, token } = this.#options;
    this.#stop.abort(); // a renewal that comes later than this would find nothing
    try {
      await Members.Call(caller).deregister({ address: self.address, token }, { timeoutMs: TIMEOUT_MS, detached: true });
    } catch (error) {
      if (!isEntryLost(error)) throw serverError(this.#options.endpoint, error);
    } finally {
      await this.#end("taken away");
    }
  }

  readonly #leave = (): void => void this.#end("left");

  /** Says again and again that this node lives; each answer is held back until the next is due, or the entry is lost. */
  async #keep(): Promise<void> {
    const { caller, clock, leaseMs, random, self, token } = this.#options;
    const waitMs = Math.max(1, Math.floor(leaseMs / RENEWALS));
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const { load } = this.#self;
        await Members.Call(caller).renew({ address: self.address, token, load, waitMs }, { signal, timeoutMs: 2 * waitMs, detached: true });
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        // The server is away, perhaps for long: the entry is its to judge when it is back.
        await sleep(clock, (0.25 + 0.75 * random.next()) * (waitMs / 2), signal);
      }
    }
  }

  /** What to throw for `error`; an entry that is lost ends this. */
  #failed(error: unknown): Error {
    if (isEntryLost(error)) {
      const reason = new Error(error.reason, { cause: error });
      this.#lost.resolve(reason);
      void this.#end("lost");
      return reason;
    }
    return serverError(this.#options.endpoint, error);
  }

  #end(how: "taken away" | "left" | "lost"): Promise<void> {
    if (this.#ended === undefined) {
      this.#stop.abort(new RpcError("CANCELLED", `the entry of ${formatAddress(this.#options.self.address)} is over`));
      this.#options.signal.removeEventListener("abort", this.#leave);
      this.#ended = this.#options.onEnd(how);
    }
    return this.#ended;
  }
}
