/** The file system of this machine. */
import { chmod, type FileHandle, open, readFile, realpath, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { lockFile } from "./file-lock.js";
import type { FileSystem, OpenFile } from "./file-system.js";

export const disk: FileSystem = {
  resolve: async (path) => (await ifThere(realpath(path))) ?? path,

  lock: lockFile,

  read: (path) => ifThere(readFile(path)),

  async stamp(path) {
    const stats = await ifThere(stat(path, { bigint: true }));
    return stats && `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
  },

  // What a cluster's store holds, its secrets of configuration perhaps, is nobody else's, unless somebody has said so.
  async create(path, like) {
    const present = await ifThere(stat(like));
    const file = new DiskFile(await open(path, "w", 0o600));
    if (present !== undefined) await chmod(path, present.mode & 0o777);
    return file;
  },

  rename,

  async syncFolder(path) {
    // Windows cannot open folders, and needs no such thing: it writes its names down before it says that they are changed.
    if (process.platform === "win32") return;
    const folder = await open(dirname(path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

class DiskFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; ) from += (await this.#handle.write(bytes, from)).bytesWritten;
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** `undefined` for a file that does not exist. */
async function ifThere<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
