/** From what is on disk, whatever a crash or a person left there, to the contents of the store. Pure but for one lazy import. */
import { parseDataFile } from "./data-file.js";
import { type LogContents, parseLog } from "./log-text.js";
import type { StoreContents } from "./records.js";
import { Store } from "./store.js";

export interface Recovered {
  readonly contents: StoreContents;
  /** Of the snapshot that was found, 0 for none. */
  readonly generation: number;
  /** What the owner should hear: data that is lost, and why. */
  readonly problems: readonly string[];
  /** The log is of no use to this store and worth keeping for whoever looks into it. */
  readonly setLogAside: boolean;
}

/**
 * @param dataText - the data file; `undefined` when there is none.
 * @param log - the log; `undefined` when there is none.
 * @param name - the data file's name in messages.
 * @param newEpoch - for a store that begins anew, or has lost data.
 * @throws Error when the data file is not what the server wrote and nothing that people may write: it is not to be overwritten.
 */
export async function recover(
  dataText: string | undefined,
  log: Uint8Array | undefined,
  name: string,
  newEpoch: string,
): Promise<Recovered> {
  if (dataText === undefined) {
    const problems = log === undefined ? [] : [`${name} is not there, and its log is: the store begins anew`];
    return { contents: empty(newEpoch), generation: 0, problems, setLogAside: log !== undefined };
  }
  const file = await parseDataFile(dataText, name);
  if (file.store === undefined) {
    const problems = log === undefined ? [] : [`${name} was written anew by hand: the store begins anew with its nodes`];
    return {
      contents: { ...empty(newEpoch), members: file.members, keys: file.keys },
      generation: 0,
      problems,
      setLogAside: log !== undefined,
    };
  }
  const { generation, ...head } = file.store;
  const snapshot: StoreContents = { ...head, members: file.members, keys: file.keys };
  const read = log === undefined ? undefined : parseLog(log);
  const problem = read === undefined ? `the log of ${name} is not there` : mismatch(read, head.epoch, generation, name);
  if (problem !== undefined) {
    const problems = [`${problem}: what was written since the snapshot, if anything, is lost`];
    return { contents: { ...snapshot, epoch: newEpoch }, generation, problems, setLogAside: log !== undefined };
  }
  if (read === undefined || (read.header?.generation ?? 0) < generation) {
    // The crash came between the new snapshot and its log: all of the old log is in the snapshot.
    return { contents: snapshot, generation, problems: [], setLogAside: false };
  }
  const store = new Store(snapshot);
  for (const { revision, records } of read.batches) store.replay(revision, records);
  if (read.end !== "damaged") return { contents: store.contents(), generation, problems: [], setLogAside: false };
  const problems = [`the log of ${name} is damaged in line ${read.lines + 1}: what was written from there on is lost`];
  return { contents: { ...store.contents(), epoch: newEpoch }, generation, problems, setLogAside: true };
}

/** Why a log cannot be read on top of the snapshot. */
function mismatch({ header }: LogContents, epoch: string, generation: number, name: string): string | undefined {
  if (header === undefined) return `the log of ${name} is damaged in line 1`;
  if (header.epoch !== epoch) return `the log of ${name} is of another store`;
  return header.generation > generation ? `${name} is older than its log` : undefined;
}

function empty(epoch: string): StoreContents {
  return { epoch, opened: 0, revision: 0n, lastToken: 0n, members: [], keys: [] };
}
