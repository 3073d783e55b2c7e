// node threads.mjs: what it costs to move calls between threads (MessagePort), and whether
// more processes on one listening port help (cluster hands out connections).

import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

const me = fileURLToPath(import.meta.url);
if (!isMainThread) {
  parentPort.on("message", (m) => parentPort.postMessage(m));
} else {
  const w = new Worker(me);
  w.on("message", () => {}); // so that what is still under way when a run ends is dropped
  const small = "abcdefghijklmnopqrstuvwxyz012345";
  const run = (width, payload, per) =>
    new Promise((res) => {
      let n = 0,
        t0 = 0,
        started = false;
      const warm = performance.now() + 500;
      const fn = () => {
        const t = performance.now();
        if (!started && t > warm) {
          started = true;
          n = 0;
          t0 = t;
        }
        n += per;
        if (started && t - t0 > 1500) {
          w.off("message", fn);
          res((n / (t - t0)) * 1000);
          return;
        }
        w.postMessage(payload);
      };
      w.on("message", fn);
      for (let i = 0; i < width; i++) w.postMessage(payload);
    });
  const out = {};
  for (let round = 0; round < 3; round++) {
    for (const [name, width, payload, per] of [
      ["1 in flight, string", 1, small, 1],
      ["512 in flight, string each", 512, small, 1],
      ["1 in flight, array of 512 strings", 1, new Array(512).fill(small), 512],
      ["1 in flight, 20 KiB buffer copied (512 frames)", 1, Buffer.alloc(512 * 43), 512],
    ]) {
      (out[name] ??= []).push(await run(width, payload, per));
      await new Promise((r) => setTimeout(r, 100));
    }
  }
  for (const [_k, _v] of Object.entries(out)) process.exit(0);
}
