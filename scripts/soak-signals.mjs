/**
 * Minutes of calls with signals, deadlines and cancels of every kind, then: is anything of them left? Needs `npm run build`.
 * Usage: node --expose-gc scripts/soak-signals.mjs [--minutes 10] [--width 64] [--seed 1]
 *
 * Two nodes in one process: one calls the other over TCP, itself, and nodes that are not there. Ends with status 1 when a
 * listener on a signal, a call, a request, a timer or a handle is left, or the heap is not flat.
 */
import { getEventListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { byType, createNode, defineMethod, mailbox, RpcError } from "clusterts";
import { memory } from "clusterts/discovery";
import { BinaryReader, BinaryWriter, callWithCallback } from "clusterts/rpc";
import { Timers } from "./support/timers.mjs";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, width: { type: "string", default: "64" }, seed: { type: "string", default: "1" } },
});
const soakMs = Number(values.minutes) * 60_000;
const SAMPLE_MS = 5_000;
/** The heap's growth from the second fifth of the samples to the last, at most. */
const MAX_GROWTH_BYTES = 1024 ** 2;
const SHARED_SIGNALS = 8;
/** Methods' names have a hash each; texts are all that a soak needs. */
const text = {
  encode: (message, writer = new BinaryWriter()) => writer.uint32(10).string(message.text),
  decode(input, length) {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const end = length === undefined ? reader.len : reader.pos + length;
    const message = { text: "" };
    while (reader.pos < end) {
      reader.uint32();
      message.text = reader.string();
    }
    return message;
  },
  fromPartial: ({ text = "" }) => ({ text }),
};
const echo = defineMethod("soak.Soak/echo", "unary", text, text);
const slow = defineMethod("soak.Soak/slow", "unary", text, text);
const nested = defineMethod("soak.Soak/nested", "unary", text, text);
const serial = defineMethod("soak.Soak/serial", "unary", text, text);

const random = seeded(Number(values.seed));
const chance = (probability) => random() < probability;
const upTo = (ms) => 1 + Math.floor(random() * ms);

const timers = new Timers();
const outcomes = new Map();
let calls = 0;
let settled = 0;

const discovery = memory();
const rooms = mailbox({ maxQueued: 64 });
const callee = await startNode("1.1.1");
const caller = await startNode("1.2.1");
discovery.put({ address: caller.address + 7, endpoint: "127.0.0.1:9" }); // nobody listens there
await caller.waitFor(1);

/** Long-lived, each shared by many calls; some are aborted, and another one takes their place. */
const shared = Array.from({ length: SHARED_SIGNALS }, () => new AbortController());
const aborted = new Set();

const METHODS = [echo, echo, slow, slow, nested, serial];
const TARGETS = ["1.1.1", "1.1.1", "1.1.1", "1.1.1", "1.1.1", byType(1), "1.2.1", "1.2.8", "1.9.9"];

/** How a call may come to its end. */
const WAYS = {
  "runs to its end": () => ({}),
  "a deadline that is short": () => ({ timeoutMs: upTo(10) }),
  "a shared signal": () => ({ signal: sharedSignal() }),
  "a shared signal and a deadline": () => ({ signal: sharedSignal(), timeoutMs: upTo(20) }),
  "a signal that is aborted already": () => ({ signal: AbortSignal.abort(new Error("before")) }),
  "a signal with a timeout": () => ({ signal: AbortSignal.timeout(upTo(20)) }),
  "a signal of its own, aborted in this turn": () => {
    const controller = new AbortController();
    queueMicrotask(() => controller.abort());
    return { signal: controller.signal };
  },
  "a signal of its own, aborted later": () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), upTo(10));
    return { signal: controller.signal };
  },
  "any of two signals": () => ({ signal: AbortSignal.any([sharedSignal(), AbortSignal.timeout(upTo(20))]) }),
};

/** The same, completed by a callback and cancelled or not. */
const BY_CALLBACK = {
  "a callback": {},
  "a callback, cancelled in this turn": { cancelAfterMs: 0 },
  "a callback, cancelled later": { cancelAfterMs: 10 },
  "a callback and a shared signal": { signal: true },
  "a callback and a shared signal, cancelled later": { signal: true, cancelAfterMs: 10 },
};

const samples = [];
const startedAt = performance.now();
const endsAt = startedAt + soakMs;
const sampling = (async () => {
  let saidMinutes = 0;
  while (performance.now() < endsAt) {
    await delay(SAMPLE_MS);
    samples.push(heapInUse());
    const minutes = Math.floor((performance.now() - startedAt) / 60_000);
    if (minutes > saidMinutes) console.log(`${minutes} min: ${calls} calls, ${mib(samples.at(-1))} MiB in use`);
    saidMinutes = minutes;
  }
})();
const aborting = (async () => {
  while (performance.now() < endsAt) {
    await delay(upTo(400));
    const place = Math.floor(random() * SHARED_SIGNALS);
    const [old] = shared.splice(place, 1, new AbortController());
    old.abort(new Error("the shared signal"));
    aborted.add(old.signal);
    if (aborted.size > 100) aborted.delete(aborted.values().next().value);
  }
})();
await Promise.all([sampling, aborting, ...Array.from({ length: Number(values.width) }, work)]);
await finish();

async function work() {
  const ways = Object.keys(WAYS);
  const callbacks = Object.keys(BY_CALLBACK);
  while (performance.now() < endsAt) {
    const method = pickFrom(METHODS);
    const to = pickFrom(TARGETS);
    const input = { text: `${calls % 16}` };
    const way = chance(0.25) ? pickFrom(callbacks) : pickFrom(ways);
    calls++;
    let outcome;
    try {
      const reply =
        way in WAYS ? await caller.invoke(to, method, input, WAYS[way]()) : await byCallback(to, method, input, BY_CALLBACK[way]);
      if (reply.text !== input.text) throw new Error(`${way}: the reply ${reply.text} to ${input.text}`);
      outcome = "replied";
    } catch (error) {
      if (!RpcError.is(error)) throw error;
      outcome = `${error.code} ${error.execution}`;
    }
    settled++;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
}

function byCallback(to, method, input, { signal, cancelAfterMs }) {
  return new Promise((resolve, reject) => {
    const cancel = callWithCallback(caller, to, method, input, signal ? { signal: sharedSignal() } : {}, (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
    if (cancelAfterMs === 0) cancel();
    else if (cancelAfterMs !== undefined) setTimeout(cancel, upTo(cancelAfterMs));
  });
}

async function finish() {
  const faults = [];
  const expect = (what, found, wanted) => {
    console.log(`${found === wanted ? "ok   " : "FAIL "} ${what}: ${found}`);
    if (found !== wanted) faults.push(what);
  };
  console.log(`\n${calls} calls:`);
  for (const [outcome, count] of [...outcomes].sort((a, b) => b[1] - a[1])) console.log(`  ${String(count).padStart(9)} ${outcome}`);
  await delay(1_000); // handlers whose callers gave up end by themselves

  expect("calls that did not settle", calls - settled, 0);
  const signals = [...shared.map(({ signal }) => signal), ...aborted];
  const listeners = signals.reduce((sum, signal) => sum + getEventListeners(signal, "abort").length, 0);
  expect(`listeners on ${signals.length} shared signals`, listeners, 0);
  for (const node of [caller, callee]) {
    const { address, callsInFlight, requestsInProgress, handlersRunning } = node.status();
    expect(`${address}: calls in flight`, callsInFlight, 0);
    expect(`${address}: requests in progress`, requestsInProgress, 0);
    expect(`${address}: handlers running`, handlersRunning, 0);
  }
  expect("keys in use in the mailbox", rooms.status().keys, 0);
  const [early, late] = [fifth(1), fifth(4)];
  console.log(`heap: ${mib(early)} MiB in the second fifth of the time, ${mib(late)} MiB in the last`);
  expect("heap growth above 1 MiB", late - early > MAX_GROWTH_BYTES, false);

  await Promise.all([caller.close(), callee.close()]);
  await delay(100);
  expect("timers pending behind close()", timers.pending, 0);
  const handles = process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|FSEvent/.test(name));
  expect("handles behind close()", handles.join(" "), "");
  process.exitCode = faults.length === 0 ? 0 : 1;
}

/** The median of one fifth of the samples. */
function fifth(i) {
  const size = samples.length / 5;
  const part = samples.slice(Math.floor(i * size), Math.max(Math.floor((i + 1) * size), Math.floor(i * size) + 1)).sort((a, b) => a - b);
  return part[part.length >> 1];
}

async function startNode(address) {
  const node = createNode({ address, discovery, logger: false, link: { reachTimeoutMs: 50, backoffMs: 10 } });
  node.handle(echo, async (message) => message);
  node.handle(slow, pause);
  node.handle(nested, (message) => node.invoke("1.1.1", slow, message));
  const room = ({ text }) => text;
  node.handle(serial, rooms.serial(room, pause));
  return await node.start();
}

/** Answers some time later, or sooner when nobody waits any more. */
async function pause(message, { signal }) {
  await delay(upTo(20), undefined, { signal });
  return message;
}

function sharedSignal() {
  return pickFrom(shared).signal;
}

function pickFrom(list) {
  return list[Math.floor(random() * list.length)];
}

function heapInUse() {
  for (let i = 0; i < 2; i++) globalThis.gc();
  return process.memoryUsage().heapUsed;
}

function mib(bytes) {
  return (bytes / 1024 ** 2).toFixed(2);
}

/** mulberry32 */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
