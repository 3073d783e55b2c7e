/**
 * `call(payload)` for each way to keep deadlines. `calls` is the client's table: `request(entry, payload)` numbers the call,
 * adds the entry, sends and gives the number; `remove(id)` gives the entry that was there; `entries` is all of them.
 */
const DEADLINE_MS = 5_000;
const TICK_MS = 100;
const SLOTS = 64;

const expired = () => new Error(`no reply in ${DEADLINE_MS} ms`);

export function makeCall(calls, timer) {
  switch (timer) {
    case "none":
      return (payload) => new Promise((resolve) => calls.request(resolve, payload));
    case "each":
      return timerPerCall(calls);
    case "wheel":
      return wheel(calls);
    case "scan":
      return scan(calls);
    case "abort":
      return controllerPerCall(calls);
    default:
      throw new Error(`unknown timer ${timer}`);
  }
}

function timerPerCall(calls) {
  return (payload) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        calls.remove(id);
        reject(expired());
      }, DEADLINE_MS);
      const settle = (value) => {
        clearTimeout(timer);
        resolve(value);
      };
      const id = calls.request(settle, payload);
    });
}

/** The ids of one tick in one slot; a slot that comes round is searched for those that are still there. */
function wheel(calls) {
  const slots = Array.from({ length: SLOTS }, () => []);
  let at = 0;
  setInterval(() => {
    at = (at + 1) % SLOTS;
    for (const id of slots[at]) calls.remove(id)?.(Promise.reject(expired()));
    slots[at] = [];
  }, TICK_MS).unref();
  return (payload) =>
    new Promise((resolve) => {
      const id = calls.request(resolve, payload);
      slots[(at + DEADLINE_MS / TICK_MS) % SLOTS].push(id);
    });
}

/** The deadline in the entry. The table keeps the order of insertion, so its head has what is overdue (with one common timeout). */
function scan(calls) {
  let now = Date.now();
  setInterval(() => {
    now = Date.now();
    for (const [id, entry] of calls.entries) {
      if (entry.at === undefined) continue; // not a call
      if (entry.at > now) break;
      calls.remove(id);
      entry.reject(expired());
    }
  }, TICK_MS).unref();
  return (payload) => new Promise((resolve, reject) => calls.request({ resolve, reject, at: now + DEADLINE_MS }, payload));
}

/** What a signal per call costs; it is never aborted. */
function controllerPerCall(calls) {
  return (payload) =>
    new Promise((resolve, reject) => {
      const controller = new AbortController();
      const abort = () => {
        calls.remove(id);
        reject(controller.signal.reason);
      };
      controller.signal.addEventListener("abort", abort, { once: true });
      const settle = (value) => {
        controller.signal.removeEventListener("abort", abort);
        resolve(value);
      };
      const id = calls.request(settle, payload);
    });
}
