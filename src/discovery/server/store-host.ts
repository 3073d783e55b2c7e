/**
 * The store while the server runs: opened from disk, written through one queue, and opened anew when the disk has failed:
 * from what is on it after a write that failed, from memory where all of that was acknowledged. While it cannot be written nothing is read either: it might be something that is not on disk.
 */
import { RpcError } from "../../errors.js";
import type { Clock, Random, TimerHandle } from "../../internal/clock.js";
import type { Logger } from "../../internal/logger.js";
import { messageOf } from "../../internal/message-of.js";
import type { Decision } from "./commands.js";
import { CommitQueue } from "./commit-queue.js";
import { DataFileWatch, warnOfCopy } from "./data-file-watch.js";
import type { FileSystem } from "./file-system.js";
import { Journal, type OpenedJournal, OtherServerError } from "./journal.js";
import { Store } from "./store.js";

/** Until the disk is tried again. */
const REOPEN_MS = 1_000;
const EPOCH_BYTES = 12;

export interface StoreHostOptions {
  readonly files: FileSystem;
  /** The data file; `undefined`: in memory only, a new store at each start. */
  readonly path: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called with a store that was just read from disk, the first time too. */
  readonly onOpened: (store: Store) => void;
  /** Called after each write, while all that is in the store is on disk. */
  readonly onWritten: (store: Store) => void;
}

/** A store of which all was acknowledged, though its files may be gone. */
interface Kept {
  readonly store: Store;
  readonly journal: Journal;
}

type HostState =
  | {
      readonly type: "open";
      readonly queue: CommitQueue;
      readonly journal: Journal | undefined;
      readonly watch: DataFileWatch | undefined;
    }
  | { readonly type: "failed"; readonly error: RpcError; readonly kept: Kept | undefined; readonly timer: TimerHandle }
  | { readonly type: "opening"; readonly error: RpcError }
  | { readonly type: "closed"; readonly error: RpcError };

export class StoreHost {
  readonly #options: StoreHostOptions;
  #state: HostState = { type: "opening", error: unavailable("it is starting") };
  /** Gives the data file back to others; held from the first opening on. */
  #unlock: (() => Promise<void>) | undefined;

  constructor(options: StoreHostOptions) {
    this.#options = options;
  }

  /** Reads the store. @throws Error when it cannot be read or written; then it may be tried again. */
  async open(): Promise<void> {
    const { logger, path, random } = this.#options;
    const newEpoch = Buffer.from(random.bytes(EPOCH_BYTES)).toString("base64url");
    const opening = this.#state;
    let journal: Journal | undefined;
    let store = new Store({ epoch: newEpoch, opened: 1, revision: 1n, lastToken: 0n, members: [], keys: [] });
    if (path !== undefined) {
      const opened = await this.#openJournal(path, newEpoch).catch((error: unknown) => {
        throw openError(path, error);
      });
      for (const problem of opened.problems) logger.error({ path }, `discovery server: ${problem}; nodes register again by themselves`);
      journal = opened.journal;
      store = new Store(opened.contents);
    }
    if (this.#state !== opening) {
      await journal?.close();
      return;
    }
    this.#begin(store, journal);
  }

  #begin(store: Store, journal: Journal | undefined): void {
    const { clock, logger, onOpened, path } = this.#options;
    const queue = this.#queueOf(store, journal);
    const watch = journal && new DataFileWatch({ clock, journal, logger, path, queue });
    this.#state = { type: "open", queue, journal, watch };
    onOpened(store);
  }

  /** The store, what of it is not on disk yet included. @throws RpcError `UNAVAILABLE` */
  get store(): Store {
    return this.#queue.store;
  }

  /** See {@link CommitQueue.commit}. */
  async commit<T, R = T>(decide: (store: Store) => Decision<T>, finish: (result: T) => R): Promise<R> {
    return await this.#queue.commit(decide, finish);
  }

  /** See {@link CommitQueue.read}. */
  async read<T>(look: (store: Store) => T): Promise<T> {
    return await this.#queue.read(look);
  }

  /** Takes nothing any more, and resolves when what was taken is on disk. */
  async close(): Promise<void> {
    const before = this.#state;
    const error = unavailable("it is closing");
    this.#state = { type: "closed", error };
    if (before.type === "failed") {
      this.#options.clock.clearTimeout(before.timer);
      if (before.kept !== undefined) await this.#finish(before.kept.journal, before.kept.store);
    }
    if (before.type === "open") {
      before.watch?.close();
      await before.queue.close(error);
      await this.#finish(before.journal, before.queue.store);
    }
    await this.#unlock?.();
    this.#unlock = undefined;
  }

  /** All of it in the data file, for people to read and change; where that fails, the log has it. */
  async #finish(journal: Journal | undefined, store: Store): Promise<void> {
    const { logger, path } = this.#options;
    try {
      warnOfCopy(await journal?.compact(store.contents()), path, logger);
    } catch (err) {
      logger.warn({ err, path }, `discovery server: ${path} could not be brought up to date: ${messageOf(err)}; its log has the rest`);
    } finally {
      await journal?.close();
    }
  }

  async #openJournal(path: string, newEpoch: string): Promise<OpenedJournal> {
    const { files } = this.#options;
    const real = await files.resolve(path);
    this.#unlock ??= await files.lock(real);
    return await Journal.open({ files, path: real, newEpoch });
  }

  get #isOpen(): boolean {
    return this.#state.type === "open";
  }

  get #queue(): CommitQueue {
    if (this.#state.type === "open") return this.#state.queue;
    throw this.#state.error;
  }

  #queueOf(store: Store, journal: Journal | undefined): CommitQueue {
    const { clock, logger, onWritten, path } = this.#options;
    const queue: CommitQueue = new CommitQueue(store, {
      clock,
      append: async (batch) => journal?.append(batch),
      onWritten: async () => {
        onWritten(store);
        if (journal?.isLong) warnOfCopy(await journal.compact(store.contents()), path, logger);
      },
      onFailed: (error, isWritten) => this.#onFailed(queue, journal, error, isWritten),
    });
    return queue;
  }

  #onFailed(queue: CommitQueue, journal: Journal | undefined, cause: unknown, isWritten: boolean): void {
    const { logger, path } = this.#options;
    const isOthers = cause instanceof OtherServerError;
    const what = isOthers ? "this one has stopped, and answers nothing any more" : "trying again every second";
    logger.error({ err: cause, path }, `discovery server: ${path} cannot be written: ${messageOf(cause)}; ${what}`);
    journal?.close().catch((err: unknown) => logger.warn({ err, path }, "discovery server: the log could not be closed"));
    if (this.#state.type !== "open" || this.#state.queue !== queue) return;
    this.#state.watch?.close();
    if (isOthers) this.#state = { type: "closed", error: unavailable(cause.message) };
    else this.#fail(cause, isWritten && journal !== undefined ? { store: queue.store, journal } : undefined);
  }

  #fail(cause: unknown, kept: Kept | undefined): void {
    const error = unavailable(`its data cannot be written: ${messageOf(cause)}`);
    const timer = this.#options.clock.setTimeout(() => void this.#reopen(error, kept), REOPEN_MS, true);
    this.#state = { type: "failed", error, kept, timer };
  }

  async #reopen(error: RpcError, kept: Kept | undefined): Promise<void> {
    const { logger, path } = this.#options;
    this.#state = { type: "opening", error };
    try {
      await (kept === undefined ? this.open() : this.#openKept(kept));
      if (this.#isOpen) logger.info({ path }, `discovery server: ${path} can be written again`);
    } catch (cause) {
      if (this.#state.type !== "opening") return;
      if (cause instanceof OtherServerError) {
        this.#state = { type: "closed", error: unavailable(cause.message) };
        logger.error({ err: cause, path }, `discovery server: ${cause.message}; this one has stopped, and answers nothing any more`);
      } else this.#fail(cause, kept);
    }
  }

  /** Writes it again as a whole: what is on disk by now may be less. */
  async #openKept({ store, journal }: Kept): Promise<void> {
    const { logger, path } = this.#options;
    const opening = this.#state;
    warnOfCopy(await journal.compact(store.contents()), path, logger);
    if (this.#state === opening) this.#begin(store, journal);
    else await journal.close();
  }
}

function unavailable(why: string): RpcError {
  return new RpcError("UNAVAILABLE", `the discovery server does not answer now: ${why}`);
}

const OPEN_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: "its folder is not there",
  ENOTDIR: "its folder is not there",
  EISDIR: "it is a folder",
  EACCES: "this process may not read and write there",
  EPERM: "this process may not read and write there",
  EROFS: "the disk is read-only",
  ENOSPC: "the disk is full",
};

/** An error of the system in words for whoever starts the server; what is wrong inside the file says so by itself. */
function openError(path: string, cause: unknown): unknown {
  const fault = cause instanceof Error && "code" in cause ? OPEN_FAULTS[String(cause.code)] : undefined;
  return fault === undefined ? cause : new Error(`data file ${path}: ${fault}`, { cause });
}
