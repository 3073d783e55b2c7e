/** The file system of this machine. */
import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileSystem, OpenFile } from "./file-system.js";

export const disk: FileSystem = {
  async read(path) {
    try {
      return await readFile(path);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  },

  // What a cluster's store holds, its secrets of configuration perhaps, is nobody else's.
  create: async (path) => new DiskFile(await open(path, "w", 0o600)),

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

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
