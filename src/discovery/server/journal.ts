/**
 * The store on disk: a snapshot, and a log of what was written since. What {@link Journal.append} has resolved survives any
 * crash at any moment after it.
 *
 * A new snapshot is written beside the old one, synced, renamed over it, and the folder synced; then the same with an empty
 * log. A crash in between leaves a snapshot with the log before it, which is told apart by its number.
 */

import { formatDataFile } from "./data-file.js";
import type { FileSystem, OpenFile } from "./file-system.js";
import { encodeBatch, encodeHeader } from "./log-text.js";
import type { Batch, StoreContents } from "./records.js";
import { recover } from "./recovery.js";
import { reopened } from "./store.js";

/** A log above this, and above twice the snapshot, is put into a new snapshot. */
const MIN_COMPACTION_BYTES = 4 * 1024 ** 2;

export interface JournalOptions {
  readonly files: FileSystem;
  /** The data file; the log is beside it, with `.log` behind the name. */
  readonly path: string;
  /** For a store that begins anew. */
  readonly newEpoch: string;
  /** Default 4 MiB. */
  readonly minCompactionBytes?: number | undefined;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly contents: StoreContents;
  /** What the owner should hear: data that is lost, and why. */
  readonly problems: readonly string[];
}

export class Journal {
  readonly #options: JournalOptions;
  #generation: number;
  #log: OpenFile | undefined;
  #logBytes = 0;
  #snapshotBytes = 0;

  private constructor(options: JournalOptions, generation: number) {
    this.#options = options;
    this.#generation = generation;
  }

  /** Reads what is there and begins a new snapshot and log. @throws Error when it cannot, and then has changed nothing that counts. */
  static async open(options: JournalOptions): Promise<OpenedJournal> {
    const { files, newEpoch, path } = options;
    const data = await files.read(path);
    const log = await files.read(logOf(path));
    const text = data && Buffer.from(data.buffer, data.byteOffset, data.length).toString();
    const { contents: found, generation, problems, setLogAside } = await recover(text, log, path, newEpoch);
    if (setLogAside) await files.rename(logOf(path), `${logOf(path)}.damaged`);
    const journal = new Journal(options, generation);
    const contents = reopened(found);
    await journal.compact(contents);
    return { journal, contents, problems };
  }

  /** Resolves when the batch is on disk. One after the other: the next one only when this one has resolved. */
  async append(batch: Batch): Promise<void> {
    const line = encodeBatch(batch);
    const log = this.#log;
    if (log === undefined) throw new Error(`${this.#options.path} is closed`);
    await log.write(line);
    await log.sync();
    this.#logBytes += line.length;
  }

  /** Whether the log is so long that a new snapshot is worth its while. */
  get isLong(): boolean {
    const { minCompactionBytes = MIN_COMPACTION_BYTES } = this.#options;
    return this.#logBytes > Math.max(minCompactionBytes, 2 * this.#snapshotBytes);
  }

  /** Writes `contents`, which is all that was appended so far, as a snapshot, and begins an empty log. */
  async compact(contents: StoreContents): Promise<void> {
    const { path } = this.#options;
    const generation = this.#generation + 1;
    const snapshot = Buffer.from(formatDataFile(contents, generation));
    await this.close();
    await (await this.#replace(path, snapshot)).close();
    const header = encodeHeader({ epoch: contents.epoch, generation });
    this.#log = await this.#replace(logOf(path), header);
    this.#generation = generation;
    this.#logBytes = 0;
    this.#snapshotBytes = snapshot.length;
  }

  async close(): Promise<void> {
    const log = this.#log;
    this.#log = undefined;
    await log?.close();
  }

  /** Puts a file with this content in the place of `path`, so that at any moment one of the two is there as a whole. Stays open for more. */
  async #replace(path: string, content: Uint8Array): Promise<OpenFile> {
    const { files } = this.#options;
    const beside = `${path}.new`;
    const file = await files.create(beside);
    try {
      await file.write(content);
      await file.sync();
      await files.rename(beside, path);
      await files.syncFolder(path);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

function logOf(path: string): string {
  return `${path}.log`;
}
