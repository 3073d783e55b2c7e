/** What can be switched, and what it is without a switch. */
const DEFAULTS = {
  /** When what one turn gathered is written: `nextTick`, `microtask`, `immediate`, `cork` (uncorked at nextTick), `sync` (at once). */
  flush: "nextTick",
  /** Where it is gathered: `prealloc` (one buffer, reused), `fresh` (one per flush), `each` (a write per message), `writev`, `concat`. */
  out: "prealloc",
  /** How it is read: `data` events; `onread` (a static buffer at both ends), `onread-client`. */
  read: "data",
  /** Calls in flight: `map`, or `ring` (an array indexed by sequence number). */
  pending: "map",
  /** `promise`, `callback`, or `async` (two async functions around the promise). */
  completion: "promise",
  /** Deadlines: `none`, `each` (setTimeout), `wheel`, `scan` (the Map's head every 100 ms), `abort` (AbortController). */
  timer: "none",
  /** How strings are written and read: a key of strings.mjs. */
  str: "native",
  /** `stream` is socket.write; `handle` goes past it to libuv's handle, a private API, only to see the cost. */
  write: "stream",
  noDelay: true,
  /** A key of codecs.mjs; `none` puts the string's or Buffer's bytes into the frame. */
  codec: "none",
  /** `sync`, or `async`: the server's handler is an async function. */
  handlerKind: "sync",
  /** Whether each request runs in an AsyncLocalStorage. */
  als: false,
};

const BEST = { pending: "ring", read: "onread", str: "js-write-ascii-check", out: "prealloc", flush: "nextTick" };

export function resolve(options) {
  return { ...DEFAULTS, ...(options.best ? BEST : {}), ...options };
}
