/** Streams: many short ones, one bulk stream, and the memory of idle ones. */
import { rssBytes } from "../lib/proc.mjs";
import { latency } from "./calls.mjs";
import { BIG_BYTES, nextTurn, SMALL, sleep } from "./client.mjs";
import { CpuMeter } from "./cpu-meter.mjs";

const small = Buffer.from(SMALL);

export async function shortStreams(client, { warmup, seconds, pids }) {
  const run = async (duration) => {
    const start = performance.now();
    let count = 0;
    let stop = false;
    const timer = setTimeout(() => {
      stop = true;
    }, duration * 1000);
    const one = async () => {
      while (!stop) {
        const stream = await client.openStream();
        const reply = await stream.echo(small);
        if (reply.length !== small.length) throw new Error("wrong echo");
        await stream.close();
        count++;
      }
    };
    await Promise.all(Array.from({ length: 32 }, one));
    clearTimeout(timer);
    return { count, ms: performance.now() - start };
  };

  await run(warmup);
  const meter = new CpuMeter(pids);
  const { count, ms } = await run(Math.min(seconds, client.shortStreamSeconds ?? seconds));
  return { value: (count / ms) * 1000, ...meter.per100k(count) };
}

/** `streams` at once, each as fast as it is taken, in writes of `writeBytes`. */
export function bulkStreams(streams, writeBytes) {
  const chunk = Buffer.alloc(writeBytes, "x");
  const perTurn = Math.max(1, Math.round((8 * BIG_BYTES) / writeBytes / streams));
  return async (client, { warmup, seconds, pids }) => {
    const run = async (duration) => {
      const start = performance.now();
      const end = start + duration * 1000;
      const counts = await Promise.all(Array.from({ length: streams }, () => fill(client, chunk, perTurn, () => performance.now() > end)));
      return { bytes: counts.reduce((sum, bytes) => sum + bytes, 0), ms: performance.now() - start };
    };
    await run(warmup);
    const meter = new CpuMeter(pids);
    const { bytes, ms } = await run(seconds);
    return { value: bytes / 1e6 / (ms / 1000), ...meter.perGB(bytes) };
  };
}

/** Writes to one stream until `isOver`, and gives the bytes, which the server has counted too. */
async function fill(client, chunk, perTurn, isOver) {
  const stream = await client.openStream();
  let bytes = 0;
  while (!isOver()) {
    for (let i = 0; i < perTurn; i++) {
      const room = stream.write(chunk);
      if (room) await room;
      bytes += chunk.length;
    }
    if (chunk.length < BIG_BYTES) await nextTurn(); // small writes may all find room
  }
  const counted = await stream.finish();
  if (counted !== bytes) throw new Error(`bulk: wrote ${bytes}, server counted ${counted}`);
  return bytes;
}

/** Calls one after the other, without and beside a stream at full rate: how many times their median is longer. */
export async function besideBulk(client, { warmup, seconds, pids }) {
  const chunk = Buffer.alloc(BIG_BYTES, "x");
  const alone = await latency(client, { warmup, seconds, pids });
  let isOver = false;
  const filled = fill(client, chunk, 8, () => isOver);
  const start = performance.now();
  const beside = await latency(client, { warmup, seconds, pids });
  isOver = true;
  const bytes = await filled;
  const megabytesPerSecond = bytes / 1e6 / ((performance.now() - start) / 1000);
  return { value: beside.p50us / alone.p50us, p50us: beside.p50us, p99us: beside.p99us, alone: alone.p50us, megabytesPerSecond };
}

export async function idleStreams(client, { idleStreams: wanted = 10_000, pids }) {
  const server = pids[0];
  const collectGarbage = async () => {
    await sleep(200);
    for (let i = 0; i < 2; i++) {
      process.kill(server, "SIGUSR2");
      await sleep(150);
    }
    globalThis.gc();
  };
  const held = [];
  const open = async (count) => {
    let left = count;
    const one = async () => {
      while (left-- > 0) {
        const stream = await client.openStream();
        await stream.echo(small);
        held.push(stream);
      }
    };
    await Promise.all(Array.from({ length: 50 }, one));
  };

  // Warm code paths, then close, so that only the streams themselves are counted.
  await open(300);
  await Promise.all(held.splice(0).map((stream) => stream.close()));
  await collectGarbage();
  const serverBefore = rssBytes(server);
  const clientBefore = rssBytes(process.pid);
  const start = performance.now();
  await open(wanted);
  const openMs = performance.now() - start;
  await collectGarbage();
  return {
    value: (rssBytes(server) - serverBefore) / wanted,
    clientBytes: (rssBytes(process.pid) - clientBefore) / wanted,
    opened: held.length,
    openMs,
  };
}
