/** Notices that a file changed, however it was written: in place, renamed over, or through a symbolic link that moved. */
import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { Deferred } from "../internal/deferred.js";

/** The safety net where the system reports nothing: network drives, no watches left, a directory that came later. */
const POLL_MS = 1_000;

/** Watches from construction until disposal, without keeping the process alive. */
export class FileChanges implements Disposable {
  readonly #path: string;
  readonly #watcher: FSWatcher | undefined;
  readonly #poll: NodeJS.Timeout;
  #signature: string | undefined;
  #checking = false;
  #changed = new Deferred<void>();

  constructor(path: string) {
    this.#path = path;
    this.#watcher = this.#watch();
    this.#poll = setInterval(() => this.#check(), POLL_MS).unref();
  }

  /** Call before reading: {@link next} tells of what changes from here on. */
  async mark(): Promise<void> {
    this.#changed = new Deferred();
    this.#signature = await signatureOf(this.#path);
  }

  /** Resolves when the file may have changed since {@link mark}, or `signal` aborts. */
  async next(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = this.#changed;
    const onAbort = (): void => resolve();
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    await promise;
    signal.removeEventListener("abort", onAbort);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#poll);
    this.#watcher?.close();
  }

  /** The directory, not the file: editors write a new file and rename it over the old one. */
  #watch(): FSWatcher | undefined {
    const name = basename(this.#path);
    try {
      const watcher = watch(dirname(this.#path), { persistent: false }, (_, changed) => {
        // Its own event may come within the granularity of the file's time, so the signature is not asked.
        if (changed === null || changed === name) this.#changed.resolve();
        else this.#check();
      });
      return watcher.on("error", () => watcher.close()); // polling goes on
    } catch {
      return undefined; // no such directory yet, or no watches left: polling does it
    }
  }

  #check(): void {
    if (this.#checking || this.#signature === undefined) return;
    this.#checking = true;
    void signatureOf(this.#path).then((signature) => {
      this.#checking = false;
      if (signature !== this.#signature) this.#changed.resolve();
    });
  }
}

async function signatureOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return String(error);
  }
}
