// name -> how to run it. module: file in this folder; bin: a program that speaks the
// same role protocol; optional: only when named with --only.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const nats = { cmd: "nats-server", args: (p) => ["-a", "127.0.0.1", "-p", String(p)] };
const mini = (opts) => ({ module: "mini-rpc", opts, optional: true });

export const CONTENDERS = {
  "floor-raw": {},
  "floor-go-raw": { bin: join(here, "..", "go-raw", "go-raw") },
  "mini-rpc": {},
  "grpc-js": {},
  connect: {},
  moleculer: {},
  "moleculer-nats": { module: "moleculer", broker: nats, brokerIsRelay: true, opts: { transport: "nats" } },
  nats: { broker: nats, brokerIsRelay: true },
  zeromq: {},
  "pinus-rpc": {},
  "pomelo-rpc": {},
  tsrpc: {},
  yamux: { scenarios: ["E1", "E3"] },

  // variants of mini-rpc: one trick changed at a time (see mini-rpc.mjs)
  "mini:sync-write": mini({ flush: "sync" }),
  "mini:cork": mini({ flush: "cork", out: "each" }),
  "mini:microtask": mini({ flush: "microtask" }),
  "mini:immediate": mini({ flush: "immediate" }),
  "mini:writev": mini({ out: "writev" }),
  "mini:concat": mini({ out: "concat" }),
  "mini:fresh-buffer": mini({ out: "fresh" }),
  "mini:onread-client": mini({ read: "onread-client" }),
  "mini:onread-both": mini({ read: "onread" }),
  "mini:ring": mini({ pending: "ring" }),
  "mini:callback": mini({ completion: "callback" }),
  "mini:async-fn": mini({ completion: "async" }),
  "mini:als-server": mini({ als: true }),
  "mini:set-timeout": mini({ timer: "each" }),
  "mini:wheel": mini({ timer: "wheel" }),
  "mini:deadline-scan": mini({ timer: "scan" }),
  "mini:abort-signal": mini({ timer: "abort" }),
  "mini:js-strings": mini({ str: "js" }),
  "mini:js-write": mini({ str: "js-write" }),
  "mini:ascii-check": mini({ str: "ascii-check" }),
  "mini:latin1": mini({ str: "latin1" }),
  "mini:nagle": mini({ noDelay: false }),
  "mini:raw-handle": mini({ write: "handle" }),
  "mini:async-handler": mini({ handlerKind: "async" }),
  "mini:json": mini({ codec: "json" }),
  "mini:protobufjs": mini({ codec: "protobufjs" }),
  "mini:protobuf-es": mini({ codec: "protobuf-es" }),
  // what a library has to pay anyhow: a codec, handlers that are async functions, a deadline per call
  "mini:whole": mini({ codec: "protobufjs", handlerKind: "async", timer: "scan" }),
  "mini:whole-json": mini({ codec: "json", handlerKind: "async", timer: "scan" }),
  "mini:best": mini({ best: true }),
  "mini:best-callback": mini({ best: true, completion: "callback" }),
  "mini:best-raw-handle": mini({ best: true, completion: "callback", write: "handle" }),
};
