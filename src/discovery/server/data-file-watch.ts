/** Looks whether somebody has touched the server's files while it runs: what was deleted is written again, an edit of the nodes is taken. */
import type { Clock, TimerHandle } from "../../internal/clock.js";
import type { Logger } from "../../internal/logger.js";
import { messageOf } from "../../internal/message-of.js";
import { putNode, removeNode } from "./commands.js";
import type { CommitQueue } from "./commit-queue.js";
import { parseDataFile } from "./data-file.js";
import { editedKeys, editsOf } from "./edits.js";
import { type Journal, OtherServerError, type OutsideChange } from "./journal.js";

const LOOK_MS = 1_000;
/** Keys named in one line of the log. */
const MAX_NAMED = 5;

export interface DataFileWatchOptions {
  readonly path: string | undefined;
  readonly journal: Journal;
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class DataFileWatch {
  readonly #options: DataFileWatchOptions;
  #timer: TimerHandle;
  /** The edit that was not taken, so that it is told once. */
  #refused: string | undefined;
  /** Why the file could not be looked at, so that it is told once. */
  #problem: string | undefined;
  #closed = false;

  /** Looks every second until {@link close}. */
  constructor(options: DataFileWatchOptions) {
    this.#options = options;
    this.#lookLater();
  }

  close(): void {
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  #lookLater(): void {
    if (!this.#closed) this.#timer = this.#options.clock.setTimeout(() => void this.#look(), LOOK_MS);
  }

  async #look(): Promise<void> {
    const { logger, path } = this.#options;
    try {
      // Not while a snapshot is being written: its names change one after the other.
      const change = await this.#lookBetween();
      this.#problem = undefined;
      if (change?.type === "deleted") await this.#writeAgain("was deleted while the server runs: it is written again", undefined);
      else if (change?.type === "edited" && change.stamp !== this.#refused) await this.#take(change);
    } catch (err) {
      const problem = messageOf(err);
      if (!this.#closed && problem !== this.#problem)
        logger.error({ err, path }, `discovery server: ${path} cannot be looked at: ${problem}; the server goes on with what it has`);
      this.#problem = problem;
    }
    this.#lookLater();
  }

  async #take({ before, stamp, text }: OutsideChange & { type: "edited" }): Promise<void> {
    const { logger, path = "", queue } = this.#options;
    const file = await parseDataFile(text, path).catch((error: Error) => error);
    if (file instanceof Error) {
      this.#refused = stamp;
      logger.error({ path }, `discovery server: ${file.message}; the edit is not taken`);
      return;
    }
    const { put, removed } = editsOf(before, file.members);
    const keys = file.store === undefined ? [] : editedKeys(new Map(queue.store.keys()), file.keys, file.store.revision);
    const nothing = (): void => {};
    const edits = await Promise.allSettled([
      ...put.map((node) => queue.commit((store) => putNode(store, node), nothing)),
      ...removed.map((address) => queue.commit((store) => removeNode(store, address), nothing)),
    ]);
    const problems = edits.filter((edit) => edit.status === "rejected").map(({ reason }) => messageOf(reason));
    if (problems.length > 0) {
      this.#refused = stamp;
      const text = `${problems[0]}${problems.length > 1 ? `; and ${problems.length - 1} more` : ""}`;
      logger.error(
        { path },
        `discovery server: ${path} was edited, and ${problems.length} of ${edits.length} changes cannot be taken: ${text}`,
      );
      return;
    }
    if (keys.length > 0) {
      const names = keys.slice(0, MAX_NAMED).map((key) => JSON.stringify(key));
      const more = keys.length > MAX_NAMED ? ` and ${keys.length - MAX_NAMED} more` : "";
      logger.error(
        { path },
        `discovery server: ${path}: the edit of key ${names.join(", ")}${more} is not taken: clusterts set and delete change keys`,
      );
    }
    // Whoever has edited a key finds what he wrote in the copy.
    await this.#writeAgain(`was edited: ${put.length} nodes put, ${removed.length} removed`, keys.length > 0 ? undefined : stamp);
  }

  async #writeAgain(why: string, taken: string | undefined): Promise<void> {
    const { journal, logger, path, queue } = this.#options;
    await this.#between(async () => warnOfCopy(await journal.compact(queue.store.contents(), taken), path, logger));
    logger.warn({ path }, `discovery server: ${path} ${why}`);
  }

  /** A look that fails is no failed write: the log still takes those. */
  async #lookBetween(): Promise<OutsideChange | undefined> {
    const look = await this.#between(async () => {
      try {
        return { type: "seen" as const, change: await this.#options.journal.outsideChange() };
      } catch (error) {
        if (error instanceof OtherServerError) throw error;
        return { type: "failed" as const, error };
      }
    });
    if (look.type === "failed") throw look.error;
    return look.change;
  }

  /** While no write is under way. */
  #between<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#options.queue.between(async () => {
        try {
          resolve(await work());
        } catch (error) {
          reject(error);
          throw error;
        }
      }, reject);
    });
  }
}

/** Somebody's edit that came too late to be taken is not lost: it was copied. */
export function warnOfCopy(copy: string | undefined, path: string | undefined, logger: Logger): void {
  if (copy !== undefined)
    logger.error({ path, copy }, `discovery server: ${path} was edited and has been overwritten; the edit is in ${copy}`);
}
