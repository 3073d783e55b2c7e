/** `node threads.mjs`: what it costs to move messages to another thread and back (MessagePort). */
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { figure, median } from "./lib/stats.mjs";
import { SMALL, sleep } from "./scenarios/client.mjs";

const WARMUP_MS = 500;
const MEASURED_MS = 1500;
const ROUNDS = 3;

/** `width` posts in flight, each worth `messages`. */
const CASES = [
  { name: "1 in flight, string", width: 1, payload: SMALL, messages: 1 },
  { name: "512 in flight, string each", width: 512, payload: SMALL, messages: 1 },
  { name: "1 in flight, array of 512 strings", width: 1, payload: new Array(512).fill(SMALL), messages: 512 },
  { name: "1 in flight, 20 KiB buffer copied (512 frames)", width: 1, payload: Buffer.alloc(512 * 43), messages: 512 },
];

if (isMainThread) await compare();
else parentPort.on("message", (message) => parentPort.postMessage(message));

async function compare() {
  const worker = new Worker(fileURLToPath(import.meta.url));
  worker.on("message", () => {}); // takes what is still under way when a case ends
  const rates = CASES.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, aCase] of CASES.entries()) {
      rates[i].push(await rate(worker, aCase));
      await sleep(100);
    }
  }
  for (const [i, { name }] of CASES.entries()) process.stdout.write(`${name}: ${figure(median(rates[i]))} messages/s there and back\n`);
  await worker.terminate();
}

function rate(worker, { width, payload, messages }) {
  return new Promise((resolve) => {
    const warmUntil = performance.now() + WARMUP_MS;
    let start = 0;
    let count = 0;
    const receive = () => {
      const now = performance.now();
      if (start === 0 && now > warmUntil) {
        start = now;
        count = 0;
      }
      count += messages;
      if (start > 0 && now - start > MEASURED_MS) {
        worker.off("message", receive);
        return resolve((count / (now - start)) * 1000);
      }
      worker.postMessage(payload);
    };
    worker.on("message", receive);
    for (let i = 0; i < width; i++) worker.postMessage(payload);
  });
}
