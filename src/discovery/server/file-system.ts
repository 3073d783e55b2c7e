/** What the store needs of a file system, so that tests can have one that loses power. */

export interface FileSystem {
  /** The file itself where `path` is a symbolic link to it, so that what is put in its place does not take that of the link. */
  resolve(path: string): Promise<string>;
  /** Makes sure that nobody else uses this file for a store; gives what ends that. @throws Error when somebody does. */
  lock(path: string): Promise<() => Promise<void>>;
  /** The whole file; `undefined` when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** A text that changes when somebody writes the file or puts another one in its place; `undefined` when there is none. */
  stamp(path: string): Promise<string | undefined>;
  /** Opens an empty file, in place of one that is there, with the permissions of `like` where that exists. */
  create(path: string, like: string): Promise<OpenFile>;
  /** Gives `from` the name `to`, in place of one that is there. */
  rename(from: string, to: string): Promise<void>;
  /** Resolves when names that were made or changed in the folder of `path` survive a loss of power. */
  syncFolder(path: string): Promise<void>;
}

/** A file that is written from front to back. */
export interface OpenFile {
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when what was written survives a loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
