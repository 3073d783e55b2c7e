/** What the server answers about keys and values. */
import { RpcError } from "../../errors.js";
import type {
  DeleteReply,
  DeleteRequest,
  GetReply,
  GetRequest,
  KeysHandlers,
  SetReply,
  SetRequest,
  WatchKeysReply,
  WatchKeysRequest,
} from "../../gen/clusterts/discovery.js";
import type { Clock, TimerHandle } from "../../internal/clock.js";
import type { Context } from "../../rpc/service.js";
import * as commands from "./commands.js";
import { HeldQuestions } from "./held-questions.js";
import { MAX_WAIT_MS } from "./protocol.js";
import { Reports } from "./reports.js";
import type { Store } from "./store.js";
import type { StoreHost } from "./store-host.js";

/** Changes are told together that come within this time. */
const GATHER_MS = 20;

export class KeysService implements KeysHandlers<Context> {
  readonly #host: StoreHost;
  readonly #clock: Clock;
  /** Those who watch, by prefix. */
  readonly #watches: HeldQuestions<string>;
  #reports: Reports | undefined;
  /** Up to which those who watch have been told. */
  #told = 0n;
  #gatherTimer: TimerHandle;

  constructor(host: StoreHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
    this.#watches = new HeldQuestions(clock);
  }

  onOpened(store: Store): void {
    this.#reports = new Reports(store);
    this.#told = store.revision;
    this.#watches.release(() => true);
  }

  onWritten(store: Store): void {
    const changed = store.keysSince(this.#told);
    if (changed !== undefined && changed.size === 0) return;
    this.#gatherTimer ??= this.#clock.setTimeout(() => {
      this.#gatherTimer = undefined;
      // A store that cannot be written tells nothing; when it is opened again everybody is told everything.
      this.#host.read((now) => this.#tell(now)).catch(() => undefined);
    }, GATHER_MS);
  }

  async get({ key }: GetRequest): Promise<GetReply> {
    return await this.#host.read((store) => {
      const stored = store.key(key);
      return { entry: stored && { key, ...stored } };
    });
  }

  async set({ key, value, ifRevision }: SetRequest): Promise<SetReply> {
    return await this.#host.commit(
      (store) => commands.setKey(store, key, value, ifRevision),
      () => ({ revision: this.#host.store.revision }),
    );
  }

  async delete({ key, ifRevision }: DeleteRequest): Promise<DeleteReply> {
    return await this.#host.commit(
      (store) => commands.deleteKey(store, key, ifRevision),
      (deleted) => ({ deleted }),
    );
  }

  async watch({ prefix, epoch, revision, waitMs, after }: WatchKeysRequest, context: Context): Promise<WatchKeysReply> {
    const { store } = this.#host;
    const changed = epoch === store.epoch ? store.keysSince(revision) : undefined;
    const isThere = changed !== undefined && ![...changed].some((key) => key.startsWith(prefix));
    if (isThere && after === undefined) await this.#watches.hold(prefix, Math.min(waitMs, MAX_WAIT_MS), context.signal);
    return await this.#host.read(() => {
      if (this.#reports === undefined) throw new RpcError("UNAVAILABLE", "the discovery server is starting");
      return { report: this.#reports.keys(prefix, { epoch, revision, after }) };
    });
  }

  /** Lets go of everything that waits. */
  close(): void {
    this.#clock.clearTimeout(this.#gatherTimer);
    this.#watches.close();
  }

  #tell(store: Store): void {
    const changed = store.keysSince(this.#told);
    this.#told = store.revision;
    this.#watches.release((prefix) => changed === undefined || [...changed].some((key) => key.startsWith(prefix)));
  }
}
