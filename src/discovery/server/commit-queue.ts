/**
 * One after the other, many at a time: what is asked for while a write is under way is decided together afterwards and
 * shares the next write. Nobody sees what is not on disk: answers, reads too, wait for the write that they depend on.
 */
import { RpcError } from "../../errors.js";
import type { Clock } from "../../internal/clock.js";
import { messageOf } from "../../internal/message-of.js";
import type { Decision } from "./commands.js";
import type { Batch, StoreRecord } from "./records.js";
import type { Store } from "./store.js";

/** Questions that wait for one write at most. */
const MAX_WAITING = 65_536;

export interface CommitQueueOptions {
  readonly clock: Clock;
  /** Puts a batch on disk. After a rejection the queue takes nothing any more. */
  readonly append: (batch: Batch) => Promise<void>;
  /** Called after each write, while nothing is under way: what is in the store is on disk. May write too. */
  readonly onWritten: () => Promise<void>;
  /**
   * Called once, with why nothing can be written any more.
   *
   * @param isWritten - whether all that is in the store has been appended, and answered.
   */
  readonly onFailed: (error: unknown, isWritten: boolean) => void;
}

interface Job {
  /** Decides and applies; what it gives is called when that is on disk. */
  run(records: StoreRecord[]): () => void;
  fail(error: RpcError): void;
}

interface Chore {
  run(): Promise<void>;
  fail(error: RpcError): void;
}

export class CommitQueue {
  readonly store: Store;
  readonly #options: CommitQueueOptions;
  #waiting: Job[] = [];
  #chores: Chore[] = [];
  #isRunning = false;
  #closed: RpcError | undefined;
  #idle: (() => void)[] = [];

  constructor(store: Store, options: CommitQueueOptions) {
    this.store = store;
    this.#options = options;
  }

  /**
   * Decides, applies, and resolves when it is on disk.
   *
   * @param finish - makes the answer, right after the records of this decision were applied.
   * @throws RpcError what `decide` throws; `UNAVAILABLE` when it could not be written; `RESOURCE_EXHAUSTED` when too much waits.
   */
  commit<T, R>(decide: (store: Store) => Decision<T>, finish: (result: T) => R): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#add({
        run: (records) => {
          try {
            const decision = decide(this.store);
            for (const record of decision.records) this.store.apply(record);
            records.push(...decision.records);
            const answer = finish(decision.result);
            return () => resolve(answer);
          } catch (error) {
            return () => reject(error);
          }
        },
        fail: reject,
      });
    });
  }

  /** Looks at the store while all that is in it is on disk. At once where that is so now. @throws RpcError as {@link commit}. */
  read<T>(look: (store: Store) => T): Promise<T> {
    return this.commit(
      () => ({ records: [], result: undefined }),
      () => look(this.store),
    );
  }

  /** Does `run` while no write is under way and none begins; a rejection is as one of a write. `fail` is called when it is not done. */
  between(run: () => Promise<void>, fail: (error: RpcError) => void): void {
    if (this.#closed !== undefined) return fail(this.#closed);
    this.#chores.push({ run, fail });
    this.#start();
  }

  /** Takes nothing any more; resolves when what was taken is done. */
  async close(error: RpcError): Promise<void> {
    this.#closed ??= error;
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #add(job: Job): void {
    if (this.#closed !== undefined) return job.fail(this.#closed);
    if (this.#waiting.length >= MAX_WAITING)
      return job.fail(new RpcError("RESOURCE_EXHAUSTED", `${this.#waiting.length} questions wait for the disk of the discovery server`));
    this.#waiting.push(job);
    this.#start();
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#options.clock.afterTurn(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.length + this.#chores.length > 0) {
      const jobs = this.#waiting;
      this.#waiting = [];
      const records: StoreRecord[] = [];
      const revision = this.store.revision + 1n;
      const answers = jobs.map((job) => job.run(records));
      let isWritten = records.length === 0;
      try {
        if (!isWritten) await this.#options.append({ revision, records });
        isWritten = true;
        for (const answer of answers) answer();
        if (records.length > 0) await this.#options.onWritten();
        for (let chore = this.#chores.shift(); chore !== undefined; chore = this.#chores.shift()) await chore.run();
      } catch (error) {
        this.#fail(error, jobs, isWritten);
        break;
      }
    }
    this.#isRunning = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #fail(error: unknown, jobs: readonly Job[], isWritten: boolean): void {
    this.#closed ??= new RpcError("UNAVAILABLE", `the discovery server cannot write its data: ${messageOf(error)}`, { cause: error });
    for (const job of [...jobs, ...this.#waiting.splice(0), ...this.#chores.splice(0)]) job.fail(this.#closed);
    this.#options.onFailed(error, isWritten);
  }
}
