/** Writes of a seeded mix, many at once, to a store on a disk; and what a reader of the disk must find afterwards. */
import { makeAddress } from "../../../../src/addr/logical-address.js";
import * as commands from "../../../../src/discovery/server/commands.js";
import { CommitQueue } from "../../../../src/discovery/server/commit-queue.js";
import { formatDataFile } from "../../../../src/discovery/server/data-file.js";
import type { FileSystem } from "../../../../src/discovery/server/file-system.js";
import { Journal } from "../../../../src/discovery/server/journal.js";
import type { StoreContents } from "../../../../src/discovery/server/records.js";
import { Store } from "../../../../src/discovery/server/store.js";
import { systemClock } from "../../../../src/internal/system-clock.js";
import { SeededRandom } from "../../../support/seeded-random.js";

export const PATH = "cluster.json";

/** Everything that counts of a store, as text: revisions of members are not kept apart. */
export function stateOf({ members, keys, lastToken, epoch }: StoreContents): string {
  const sorted = [...members].sort((one, other) => one.member.address - other.member.address);
  const sortedKeys = [...keys].sort(([one], [other]) => (one < other ? -1 : 1));
  return formatDataFile({ epoch, opened: 0, revision: 0n, lastToken, members: sorted, keys: sortedKeys }, 0);
}

export interface Run {
  /** The store after each batch, the first one as it was opened. */
  readonly states: string[];
  /** The last of them that somebody was told of. */
  acknowledged: number;
  /** The highest revision that anybody was told of. */
  revision: bigint;
  failure: unknown;
}

/** Opens the store and writes to it. `rounds` bursts of writes; ends early when the disk fails. */
export async function write(files: FileSystem, seed: number, rounds: number): Promise<Run> {
  const run: Run = { states: [], acknowledged: -1, revision: 0n, failure: undefined };
  try {
    const { contents, journal } = await Journal.open({ files, path: PATH, newEpoch: `epoch-${seed}`, minCompactionBytes: 900 });
    run.states.push(stateOf(contents));
    run.acknowledged = 0;
    run.revision = contents.revision;
    const store = new Store(contents);
    const queue = new CommitQueue(store, {
      clock: systemClock,
      append: async (batch) => {
        run.states.push(stateOf(store.contents()));
        const index = run.states.length - 1;
        await journal.append(batch);
        run.acknowledged = index;
      },
      onWritten: async () => {
        if (journal.isLong) await journal.compact(store.contents());
      },
      onFailed: (error) => {
        run.failure = error;
      },
    });
    await bursts(queue, new SeededRandom(seed), rounds, run);
    await journal.close();
  } catch (error) {
    run.failure = error;
  }
  return run;
}

async function bursts(queue: CommitQueue, random: SeededRandom, rounds: number, run: Run): Promise<void> {
  for (let round = 0; round < rounds && run.failure === undefined; round++) {
    const size = 1 + Math.floor(random.next() * 4);
    const writes = Array.from({ length: size }, () => oneWrite(queue, random));
    for (const result of await Promise.allSettled(writes))
      if (result.status === "fulfilled" && result.value > run.revision) run.revision = result.value;
  }
}

function oneWrite(queue: CommitQueue, random: SeededRandom): Promise<bigint> {
  const pick = Math.floor(random.next() * 6);
  const id = Math.floor(random.next() * 5);
  const address = makeAddress(1, 1, id);
  const done = (): bigint => queue.store.revision;
  const text = "x".repeat(Math.floor(random.next() * 40));
  switch (pick) {
    case 0:
    case 1:
      return queue.commit((store) => {
        const freshToken = commands.freshToken(store, 1_000_000, random.next());
        const self = { address, endpoint: `10.0.0.${id}:80`, version: text };
        return commands.register(store, { self, process: BigInt(id), token: 0n, freshToken });
      }, done);
    case 2:
      return queue.commit((store) => commands.removeNode(store, address), done);
    case 3:
      return queue.commit((store) => commands.putNode(store, { address, endpoint: "10.0.1.1:1", metadata: { text } }), done);
    case 4:
      return queue.commit((store) => commands.deleteKey(store, `key-${id}`, undefined), done);
    default:
      return queue.commit((store) => commands.setKey(store, `key-${id}`, text, undefined), done);
  }
}
