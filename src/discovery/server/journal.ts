/**
 * The store on disk: a snapshot, and a log of what was written since. What {@link Journal.append} has resolved survives any
 * crash at any moment after it.
 *
 * A new snapshot is written beside the old one, synced, renamed over it, and the folder synced; then the same with an empty
 * log. A crash in between leaves a snapshot with the log before it, which is told apart by its number.
 */

import { formatDataFile, type StoreHead, tryParseHead } from "./data-file.js";
import type { FileSystem, OpenFile } from "./file-system.js";
import { encodeBatch, encodeHeader } from "./log-text.js";
import type { Batch, StoreContents, StoredMember } from "./records.js";
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

export type OutsideChange =
  | { readonly type: "deleted" }
  /** `before`: the configured nodes as they stood in the file until then. */
  | { readonly type: "edited"; readonly stamp: string; readonly text: string; readonly before: readonly StoredMember[] };

/** Another server has written the data file while this one ran: what this one would write now would undo what that one has acknowledged. */
export class OtherServerError extends Error {
  override readonly name = "OtherServerError";

  constructor(path: string) {
    super(`another discovery server writes ${path}`);
  }
}

export class Journal {
  readonly #options: JournalOptions;
  #generation: number;
  #log: OpenFile | undefined;
  #logBytes = 0;
  #snapshotBytes = 0;
  /** The data file as it was written last, and the configured nodes in it. */
  #stamp: string | undefined;
  #configured: readonly StoredMember[] = [];
  /** Of the snapshot that was written last, or begun. */
  #head: Pick<StoreHead, "epoch" | "opened" | "generation"> | undefined;
  /** A change by somebody else that was looked at and is no other server's. */
  #judged: string | undefined;

  private constructor(options: JournalOptions, generation: number) {
    this.#options = options;
    this.#generation = generation;
  }

  /** Reads what is there and begins a new snapshot and log. @throws Error when it cannot, and then has changed nothing that counts. */
  static async open(options: JournalOptions): Promise<OpenedJournal> {
    const { files, newEpoch, path } = options;
    const data = await files.read(path);
    const log = await files.read(logOf(path));
    const { contents: found, generation, problems, setLogAside } = await recover(data && textOf(data), log, path, newEpoch);
    if (setLogAside) await files.rename(logOf(path), `${logOf(path)}.damaged`);
    const journal = new Journal(options, generation);
    const contents = reopened(found);
    await journal.compact(contents);
    return { journal, contents, problems };
  }

  /**
   * Resolves when the batch is on disk. One after the other: the next one only when this one has resolved.
   *
   * @throws {@link OtherServerError}; the batch counts for nothing then.
   */
  async append(batch: Batch): Promise<void> {
    const line = encodeBatch(batch);
    const log = this.#log;
    if (log === undefined) throw new Error(`${this.#options.path} is closed`);
    await log.write(line);
    await log.sync();
    this.#logBytes += line.length;
    await this.#look();
  }

  /** Whether the log is so long that a new snapshot is worth its while. */
  get isLong(): boolean {
    const { minCompactionBytes = MIN_COMPACTION_BYTES } = this.#options;
    return this.#logBytes > Math.max(minCompactionBytes, 2 * this.#snapshotBytes);
  }

  /** What somebody else has done to the files since they were written last; `undefined`: nothing. @throws {@link OtherServerError} */
  async outsideChange(): Promise<OutsideChange | undefined> {
    const { files, path } = this.#options;
    const stamp = await files.stamp(path);
    if (stamp === undefined || (await files.stamp(logOf(path))) === undefined) return { type: "deleted" };
    if (stamp === this.#stamp) return undefined;
    const data = await files.read(path);
    if (data === undefined) return { type: "deleted" };
    this.#judge(stamp, textOf(data));
    return { type: "edited", stamp, text: textOf(data), before: this.#configured };
  }

  /**
   * Writes `contents`, which is all that was appended so far, as a snapshot, and begins an empty log.
   *
   * @param taken - the stamp of a change by somebody else that is in `contents`.
   * May be tried again after it has failed, with the same contents.
   *
   * @returns where it has put what somebody else had written there and nobody has taken.
   * @throws {@link OtherServerError} and has changed nothing then.
   */
  async compact(contents: StoreContents, taken?: string): Promise<string | undefined> {
    const { files, path } = this.#options;
    await this.#look();
    const generation = this.#generation + 1;
    const snapshot = Buffer.from(formatDataFile(contents, generation));
    const copy = await this.#copyOfEdit(taken);
    await this.close();
    this.#head = { epoch: contents.epoch, opened: contents.opened, generation };
    await (await this.#replace(path, snapshot)).close();
    this.#stamp = await files.stamp(path);
    this.#configured = contents.members.filter(({ member }) => member.incarnation === undefined);
    const header = encodeHeader({ epoch: contents.epoch, generation });
    this.#log = await this.#replace(logOf(path), header);
    this.#generation = generation;
    this.#logBytes = 0;
    this.#snapshotBytes = snapshot.length;
    return copy;
  }

  /** Whether another server has the file. A file that cannot be read is no reason to believe so. @throws {@link OtherServerError} */
  async #look(): Promise<void> {
    const { files, path } = this.#options;
    const found = await files.stamp(path).catch(() => undefined);
    if (found === undefined || found === this.#stamp || found === this.#judged) return;
    const data = await files.read(path).catch(() => undefined);
    if (data !== undefined) this.#judge(found, textOf(data));
  }

  #judge(stamp: string, text: string): void {
    const own = this.#head;
    const head = own && tryParseHead(text);
    // Somebody's editor may have had an older snapshot of this very run open.
    const isOwn = head === undefined || (head.epoch === own?.epoch && head.opened === own.opened && head.generation <= own.generation);
    if (!isOwn) throw new OtherServerError(this.#options.path);
    this.#judged = stamp;
  }

  async #copyOfEdit(taken: string | undefined): Promise<string | undefined> {
    const { files, path } = this.#options;
    const stamp = await files.stamp(path);
    if (this.#stamp === undefined || stamp === undefined || stamp === this.#stamp || stamp === taken) return undefined;
    const edit = await files.read(path);
    if (edit === undefined) return undefined;
    const copy = `${path}.edited`;
    await (await this.#replace(copy, edit)).close();
    return copy;
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
    const file = await files.create(beside, this.#options.path);
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

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

function logOf(path: string): string {
  return `${path}.log`;
}
