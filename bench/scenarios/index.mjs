/**
 * The scenarios, by the names that results carry.
 *
 * `metric` names the headline figure (`value` of the result); `down`: less is better; `needs`: the method a client must
 * offer; `bytes`: payloads are Buffers, else strings; `relay`: the call passes a relay process.
 */
import { bigEcho, latency, throughput } from "./calls.mjs";
import { oneway } from "./oneway.mjs";
import { besideBulk, bulkStreams, idleStreams, shortStreams } from "./streams.mjs";

export const SCENARIOS = {
  A: { title: "A. latency, 1 in flight", metric: "calls/s", needs: "call", run: latency },
  B64: { title: "B. throughput, 64 in flight", metric: "calls/s", needs: "call", run: throughput(64) },
  B512: { title: "B. throughput, 512 in flight", metric: "calls/s", needs: "call", run: throughput(512) },
  C: { title: "C. 64 KiB echo, 16 in flight", metric: "MB/s", needs: "call", bytes: true, run: bigEcho },
  D: { title: "D. one-way messages", metric: "msgs/s", needs: "oneway", run: oneway },
  E1: { title: "E. short streams (open+echo+close), 32 at once", metric: "streams/s", needs: "openStream", bytes: true, run: shortStreams },
  E2: { title: "E. one bulk stream, 64 KiB writes", metric: "MB/s", needs: "openStream", bytes: true, run: bulkStreams(1, 65_536) },
  E2x100: { title: "E. 100 bulk streams, 64 KiB writes", metric: "MB/s", needs: "openStream", bytes: true, run: bulkStreams(100, 65_536) },
  E2small: { title: "E. one bulk stream, 1000-byte writes", metric: "MB/s", needs: "openStream", bytes: true, run: bulkStreams(1, 1_000) },
  E2x100small: {
    title: "E. 100 bulk streams, 1000-byte writes",
    metric: "MB/s",
    needs: "openStream",
    bytes: true,
    run: bulkStreams(100, 1_000),
  },
  E2calls: {
    title: "E. calls beside one bulk stream, median over that without",
    metric: "x",
    down: true,
    needs: "openStream",
    run: besideBulk,
  },
  E3: {
    title: "E. server memory per idle open stream",
    metric: "bytes/stream",
    down: true,
    needs: "openStream",
    bytes: true,
    run: idleStreams,
  },
  F64: { title: "F. relay, 64 in flight", metric: "calls/s", needs: "call", relay: true, run: throughput(64) },
  FA: { title: "F. relay, 1 in flight", metric: "calls/s", needs: "call", relay: true, run: latency },
};

/** `A,B` to `["A", "B64", "B512"]`: a full name, or the first letters of several. @throws for one that there is not. */
export function scenarioNames(list) {
  const names = Object.keys(SCENARIOS);
  if (list === undefined) return names;
  return list.split(",").flatMap((wanted) => {
    const found = wanted in SCENARIOS ? [wanted] : names.filter((name) => wanted !== "" && name.startsWith(wanted));
    if (found.length === 0) throw new Error(`unknown scenario ${wanted}: there are ${names.join(", ")}`);
    return found;
  });
}
