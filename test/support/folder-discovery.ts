/**
 * Registering nodes of several processes through a folder that they share. An entry is a file `<address>.<token>`; the
 * highest token of an address counts, and creating files exclusively makes the tokens grow.
 */
import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import type { Discovery, DiscoveryEvent, Member, MemberPatch, Registration } from "../../src/discovery/discovery.js";
import { Deferred } from "../../src/internal/deferred.js";

const ENTRY = /^(\d+\.\d+\.\d+)\.(\d+)$/;

interface Entry {
  readonly address: string;
  readonly token: bigint;
  readonly path: string;
}

export function folder(path: string): Discovery {
  return {
    watch: (signal) => watchFolder(path, signal),
    register: async (self, signal) => {
      const entry = await FolderEntry.create(path, self);
      entry.keep(signal);
      return entry;
    },
  };
}

async function* watchFolder(path: string, signal: AbortSignal): AsyncGenerator<DiscoveryEvent, void> {
  let changed = new Deferred<void>();
  using _ = watching(path, () => changed.resolve());
  const onAbort = (): void => changed.resolve();
  signal.addEventListener("abort", onAbort);
  while (!signal.aborted) {
    changed = new Deferred();
    yield { type: "snapshot", members: await membersIn(path) };
    if (!signal.aborted) await changed.promise;
  }
  signal.removeEventListener("abort", onAbort);
}

function watching(path: string, onChange: () => void): Disposable {
  const watcher: FSWatcher = watch(path, { persistent: false }, onChange);
  return { [Symbol.dispose]: () => watcher.close() };
}

/** The newest entry of each address, oldest first. */
async function entriesIn(path: string): Promise<Entry[]> {
  const entries = (await readdir(path)).flatMap((name) => {
    const [, address, token] = ENTRY.exec(name) ?? [];
    return address === undefined ? [] : [{ address, token: BigInt(token!), path: join(path, name) }];
  });
  entries.sort((a, b) => Number(a.token - b.token));
  return [...new Map(entries.map((entry) => [entry.address, entry])).values()];
}

async function membersIn(path: string): Promise<Member[]> {
  const members: Member[] = [];
  for (const { address, token, path: file } of await entriesIn(path)) {
    const text = await readFile(file, "utf8");
    // Empty: taken away, or not written yet, which a further event will tell.
    if (text === "") continue;
    const { process: _, ...rest } = JSON.parse(text);
    members.push({ ...rest, address: parseAnyAddress(address), incarnation: token });
  }
  return members;
}

/** When the process that wrote the entry began: the incarnation that it chose itself. */
async function processOf(path: string): Promise<bigint> {
  const text = await readFile(path, "utf8");
  return text === "" ? 0n : BigInt(JSON.parse(text).process);
}

class FolderEntry implements Registration {
  readonly fencingToken: bigint;
  readonly #folder: string;
  readonly #path: string;
  readonly #lost = new Deferred<Error>();
  #self: Member;

  private constructor(folder: string, path: string, token: bigint, self: Member) {
    this.#folder = folder;
    this.#path = path;
    this.fencingToken = token;
    this.#self = self;
  }

  static async create(folder: string, self: Member): Promise<FolderEntry> {
    const address = addressIn(self);
    for (;;) {
      const last = (await entriesIn(folder)).find((entry) => entry.address === address);
      if (last !== undefined && (await processOf(last.path)) > (self.incarnation ?? 0n)) throw new Error(`a newer process has ${address}`);
      const token = (last?.token ?? 0n) + 1n;
      const path = join(folder, `${address}.${token}`);
      const entry = new FolderEntry(folder, path, token, self);
      try {
        await writeFile(path, entry.#text(), { flag: "wx" });
        return entry;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // somebody was faster
      }
    }
  }

  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  /** Until `signal` aborts, looks whether a newer entry has come. */
  keep(signal: AbortSignal): void {
    const look = async (): Promise<void> => {
      const newest = (await entriesIn(this.#folder)).find((entry) => entry.address === addressIn(this.#self));
      if (newest !== undefined && newest.token > this.fencingToken) this.#lost.resolve(new Error("taken over by a newer registration"));
    };
    const watcher = watching(this.#folder, () => void look().catch((error: Error) => this.#lost.resolve(error)));
    signal.addEventListener("abort", () => watcher[Symbol.dispose](), { once: true });
  }

  async update(patch: MemberPatch): Promise<void> {
    this.#self = { ...this.#self, ...patch };
    await writeFile(this.#path, this.#text());
  }

  /** The file stays, empty, so that tokens never go back. */
  async [Symbol.asyncDispose](): Promise<void> {
    await writeFile(this.#path, "");
  }

  #text(): string {
    const { address: _, incarnation, ...rest } = this.#self;
    return JSON.stringify({ ...rest, process: String(incarnation) });
  }
}

function addressIn({ address }: Member): string {
  return formatAddress(address);
}
