/**
 * A disk in memory that loses power: at the operation that a test says, it stops for ever, and what was not synced may be
 * there, or not, or in part. `images()` are the disks that a machine may find when it is switched on again.
 */
import type { FileSystem, OpenFile } from "../../../../src/discovery/server/file-system.js";

export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

interface Inode {
  readonly number: number;
  data: Buffer;
  /** What of it survives for certain; `undefined`: it was never synced. */
  synced: Buffer | undefined;
}

type NameChange = { readonly name: string; readonly inode: Inode } | { readonly name: string; readonly inode: undefined };

/** Files by name. */
export type DiskImage = ReadonlyMap<string, Buffer>;

export class PowerCutDisk implements FileSystem {
  /** Operations that changed something, or would have. */
  operations = 0;
  /** Syncs among them. */
  syncs = 0;
  readonly #cutAt: number;
  #inodes = 0;
  readonly #names = new Map<string, Inode>();
  readonly #durableNames = new Map<string, Inode>();
  /** Changes of names that no sync of the folder has made certain. */
  #unsynced: NameChange[] = [];

  /** @param cutAt - the operation, counted from 0, that is not done any more. */
  constructor(image: DiskImage = new Map(), cutAt = Number.POSITIVE_INFINITY) {
    this.#cutAt = cutAt;
    for (const [name, data] of image) {
      const inode = { number: this.#inodes++, data, synced: data };
      this.#names.set(name, inode);
      this.#durableNames.set(name, inode);
    }
  }

  async resolve(path: string): Promise<string> {
    return path;
  }

  async lock(): Promise<() => Promise<void>> {
    return async () => {};
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    await this.#turn();
    const inode = this.#names.get(path);
    return inode && Buffer.from(inode.data);
  }

  async stamp(path: string): Promise<string | undefined> {
    await this.#turn();
    const inode = this.#names.get(path);
    return inode && `${inode.number} ${inode.data.length}`;
  }

  async create(path: string): Promise<OpenFile> {
    await this.#operation();
    const inode: Inode = { number: this.#inodes++, data: Buffer.alloc(0), synced: undefined };
    this.#setName(path, inode);
    return {
      write: async (bytes) => {
        await this.#operation();
        inode.data = Buffer.concat([inode.data, bytes]);
      },
      sync: async () => {
        await this.#operation();
        this.syncs++;
        inode.synced = inode.data;
      },
      close: () => this.#turn(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operation();
    const inode = this.#names.get(from);
    if (inode === undefined) throw Object.assign(new Error(`no ${from}`), { code: "ENOENT" });
    this.#setName(to, inode);
    this.#setName(from, undefined);
  }

  async syncFolder(): Promise<void> {
    await this.#operation();
    for (const change of this.#unsynced) apply(this.#durableNames, change);
    this.#unsynced = [];
  }

  /** Takes a file away, as somebody does who deletes it. */
  delete(path: string): void {
    for (const names of [this.#names, this.#durableNames]) names.delete(path);
  }

  /** Every disk that may be left: with none, some or all of the changed names, and with unsynced bytes lost, cut off, or holes. */
  *images(): Generator<DiskImage> {
    for (let count = 0; count <= this.#unsynced.length; count++) {
      const names = new Map(this.#durableNames);
      for (const change of this.#unsynced.slice(0, count)) apply(names, change);
      for (const damage of DAMAGES) {
        const files = [...names].map(([name, { data, synced }]) => [name, damage(synced ?? Buffer.alloc(0), data)] as const);
        yield new Map(files);
      }
    }
  }

  #setName(name: string, inode: Inode | undefined): void {
    const change: NameChange = { name, inode };
    apply(this.#names, change);
    this.#unsynced.push(change);
  }

  async #operation(): Promise<void> {
    await this.#turn();
    if (this.operations >= this.#cutAt) throw new PowerCut("the power is off");
    this.operations++;
  }

  /** Disks answer later. */
  #turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** What becomes of a file: its synced bytes, and some of those behind them. */
const DAMAGES: readonly ((synced: Buffer, data: Buffer) => Buffer)[] = [
  (synced) => synced,
  (_, data) => data,
  (synced, data) => data.subarray(0, synced.length + 1),
  (synced, data) => data.subarray(0, synced.length + Math.ceil((data.length - synced.length) / 2)),
  (synced, data) => data.subarray(0, Math.max(synced.length, data.length - 1)),
  // The length was written, the bytes were not: all of them, or those in front.
  (synced, data) => Buffer.concat([synced, Buffer.alloc(data.length - synced.length)]),
  (synced, data) => {
    const middle = synced.length + Math.floor((data.length - synced.length) / 2);
    return Buffer.concat([synced, Buffer.alloc(middle - synced.length), data.subarray(middle)]);
  },
];

function apply(names: Map<string, Inode>, { name, inode }: NameChange): void {
  if (inode === undefined) names.delete(name);
  else names.set(name, inode);
}
