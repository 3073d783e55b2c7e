/** Calls one after the other, many at once, and with a large payload. */
import { quantile } from "../lib/stats.mjs";
import { BIG_BYTES, checkEcho, SMALL } from "./client.mjs";
import { CpuMeter } from "./cpu-meter.mjs";

export async function latency(client, { warmup, seconds, pids }) {
  const warmUntil = performance.now() + warmup * 1000;
  while (performance.now() < warmUntil) await client.call(SMALL);

  const times = [];
  const meter = new CpuMeter(pids);
  const start = performance.now();
  const end = start + seconds * 1000;
  let before = start;
  while (before < end) {
    checkEcho(client, await client.call(SMALL), SMALL);
    const after = performance.now();
    times.push(after - before);
    before = after;
  }
  const cpu = meter.per100k(times.length);
  times.sort((a, b) => a - b);
  return {
    value: (times.length / (before - start)) * 1000,
    p50us: quantile(times, 0.5) * 1000,
    p99us: quantile(times, 0.99) * 1000,
    ...cpu,
  };
}

/** A load loop that keeps `width` calls in flight. */
export function throughput(width) {
  return async (client, { warmup, seconds, pids }) => {
    await pump(client, warmup, width, SMALL);
    const meter = new CpuMeter(pids);
    const { count, ms } = await pump(client, seconds, width, SMALL);
    return { value: (count / ms) * 1000, ...meter.per100k(count) };
  };
}

export async function bigEcho(client, { warmup, seconds, pids }) {
  const payload = client.bigAsString ? "x".repeat(BIG_BYTES) : Buffer.alloc(BIG_BYTES, "x");
  await pump(client, warmup, 16, payload);
  const meter = new CpuMeter(pids);
  const { count, ms } = await pump(client, seconds, 16, payload);
  const bytes = count * BIG_BYTES; // counted once, not once per direction
  return { value: bytes / 1e6 / (ms / 1000), ...meter.perGB(bytes) };
}

/** Keeps `width` calls in flight for `seconds`. The time includes that of the last replies. */
async function pump(client, seconds, width, payload) {
  const start = performance.now();
  const end = start + seconds * 1000;
  let count = 0;
  let stop = false;
  // A loop that never leaves the microtask queue keeps timers from firing, so the clock is read now and then too.
  const timer = setTimeout(() => {
    stop = true;
  }, seconds * 1000);
  const counted = () => {
    if ((++count & 255) === 0 && performance.now() > end) stop = true;
  };

  const awaiting = async () => {
    while (!stop) {
      checkEcho(client, await client.call(payload), payload);
      counted();
    }
  };
  const byCallback = () =>
    new Promise((resolve) => {
      const next = () => {
        if (stop) return resolve();
        client.callCb(payload, () => {
          counted();
          next();
        });
      };
      next();
    });
  await Promise.all(Array.from({ length: width }, client.callCb === undefined ? awaiting : byCallback));
  clearTimeout(timer);
  return { count, ms: performance.now() - start };
}
