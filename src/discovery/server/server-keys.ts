/** Keys and values of a server. */
import { RpcError } from "../../errors.js";
import { Keys, KeysReport } from "../../gen/clusterts/discovery.js";
import type { AbortSignal } from "../../internal/abort-signal.js";
import type { Clock, Random } from "../../internal/clock.js";
import type { AnonymousCaller } from "../../node/anonymous-caller.js";
import { sleep } from "../abortable.js";
import type { KeyValue, KeyValueEntry, KeyValueEvent, KeyValueOptions, KeyValueWriteOptions } from "../key-value.js";
import { retryPauseMs } from "../retry-pause.js";
import { isRefusedForGood } from "./failure.js";
import { MAX_WAIT_MS } from "./protocol.js";
import type { SharedCaller } from "./shared-caller.js";

/** What an answer may take beyond the time for which the server may hold it. */
const SLACK_MS = 10_000;

export class ServerKeys implements KeyValue {
  readonly #shared: SharedCaller;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(shared: SharedCaller, clock: Clock, random: Random) {
    this.#shared = shared;
    this.#clock = clock;
    this.#random = random;
  }

  get(key: string, options: KeyValueOptions = {}): Promise<KeyValueEntry | undefined> {
    return this.#once(async (caller) => (await Keys.Call(caller).get({ key }, options)).entry);
  }

  set(key: string, value: string, { ifRevision, ...options }: KeyValueWriteOptions = {}): Promise<bigint> {
    return this.#once(async (caller) => (await Keys.Call(caller).set({ key, value, ifRevision }, options)).revision);
  }

  delete(key: string, { ifRevision, ...options }: KeyValueWriteOptions = {}): Promise<boolean> {
    return this.#once(async (caller) => (await Keys.Call(caller).delete({ key, ifRevision }, options)).deleted);
  }

  list(prefix: string, options: KeyValueOptions = {}): Promise<readonly KeyValueEntry[]> {
    return this.#once(async (caller) => {
      const view = new KeyView(caller, prefix, options);
      await view.read(0);
      return view.entries;
    });
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<KeyValueEvent, void> {
    const caller = this.#shared.acquire();
    let failures = 0;
    try {
      let view = new KeyView(caller, prefix, { signal, detached: true });
      while (!signal.aborted) {
        try {
          const event = await view.read(MAX_WAIT_MS);
          failures = 0;
          if (event !== undefined && !signal.aborted) yield event;
        } catch (error) {
          if (signal.aborted) return;
          if (isForGood(error)) throw error;
          view = new KeyView(caller, prefix, { signal, detached: true });
          // Whoever watches waits for this, and nothing else may be open now.
          await sleep(this.#clock, retryPauseMs(++failures, this.#random), signal, true);
        }
      }
    } finally {
      await this.#shared.release("now");
    }
  }

  async #once<T>(work: (caller: AnonymousCaller) => Promise<T>): Promise<T> {
    const caller = this.#shared.acquire();
    try {
      return await work(caller);
    } finally {
      await this.#shared.release("later");
    }
  }
}

/** Trying again would not help: the question itself is wrong, or whoever asks is refused. */
function isForGood(error: unknown): boolean {
  if (isRefusedForGood(error)) return true;
  return RpcError.is(error) && (error.code === "INVALID_ARGUMENT" || error.code === "UNIMPLEMENTED");
}

/** The keys below one prefix as the last report left them. */
class KeyView {
  readonly #caller: AnonymousCaller;
  readonly #prefix: string;
  readonly #options: KeyValueOptions & { detached?: boolean };
  #epoch = "";
  #revision = 0n;
  /** What parts of a snapshot have brought so far. */
  #parts = new Map<string, KeyValueEntry>();

  constructor(caller: AnonymousCaller, prefix: string, options: KeyValueOptions & { detached?: boolean }) {
    this.#caller = caller;
    this.#prefix = prefix;
    this.#options = options;
  }

  /** What the last snapshot has brought, in order of the keys. */
  get entries(): readonly KeyValueEntry[] {
    return [...this.#parts.values()].sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  /** The next news, after `waitMs` at most; `undefined`: there are none. */
  async read(waitMs: number): Promise<KeyValueEvent | undefined> {
    const first = await this.#ask(waitMs);
    if (first.isDelta) {
      this.#revision = first.revision;
      const { put, removed } = first;
      return put.length + removed.length === 0 ? undefined : { type: "delta", put, removed };
    }
    this.#epoch = first.epoch;
    this.#revision = first.revision;
    this.#parts = new Map(first.put.map((entry) => [entry.key, entry]));
    let part = first;
    while (part.moreAfter !== undefined) {
      part = await this.#ask(0, part.moreAfter);
      if (part.epoch !== first.epoch) throw new RpcError("UNAVAILABLE", "the discovery server has begun a new store while it was read");
      for (const entry of part.put) this.#parts.set(entry.key, entry);
    }
    await this.#catchUp(part.revision);
    return { type: "snapshot", entries: this.entries };
  }

  /** Takes in what has changed from when the first part was made until the last one was, which is in parts too. */
  async #catchUp(upTo: bigint): Promise<void> {
    while (this.#revision < upTo) {
      const changes = await this.#ask(0);
      if (!changes.isDelta) throw new RpcError("UNAVAILABLE", "the keys changed faster than they could be read");
      this.#revision = changes.revision;
      for (const entry of changes.put) this.#parts.set(entry.key, entry);
      for (const key of changes.removed) this.#parts.delete(key);
    }
  }

  async #ask(waitMs: number, after?: string): Promise<KeysReport> {
    const { timeoutMs = SLACK_MS, ...options } = this.#options;
    const request = { prefix: this.#prefix, epoch: this.#epoch, revision: this.#revision, waitMs, after };
    const { report } = await Keys.Call(this.#caller).watch(request, { ...options, timeoutMs: waitMs + timeoutMs });
    return KeysReport.decode(report);
  }
}
