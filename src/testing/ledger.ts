/**
 * What every call and one-way message of a run became: who asked for it, whether a handler ran, how it ended. Each entry
 * is held against what the library promises, at the moment when it could be broken.
 */
import { ANONYMOUS, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import { RequestContext } from "../rpc/request-context.js";
import type { Context, MetadataInit } from "../rpc/service.js";
import { ProtocolError } from "../wire/protocol-error.js";
import type { SimProcess } from "./sim-process.js";
import type { Trace } from "./trace.js";

/** Metadata that tells a handler's wrapper which call it runs for. */
const CALL_KEY = "clusterts-sim-call";

/** A call may end so many milliseconds after its deadline: timers are of whole milliseconds, sweeps are spaced out under load. */
const DEADLINE_TOLERANCE_MS = 5;

export interface Placing {
  readonly by: SimProcess;
  readonly method: string;
  /** `undefined`: a picker decides. */
  readonly to: LogicalAddress | undefined;
  readonly oneWay: boolean;
  /** `Infinity` for one-way messages. */
  readonly deadlineAt: number;
}

/** One call or one-way message. */
export class Entry {
  readonly id: number;
  readonly placing: Placing;
  readonly placedAt: number;
  runs = 0;
  handled: "not" | "running" | "returned" | "threw" = "not";
  settled = false;
  /** What the caller was told, once it was. */
  told: string | undefined;
  toldNotRun = false;

  constructor(id: number, placing: Placing, placedAt: number) {
    this.id = id;
    this.placing = placing;
    this.placedAt = placedAt;
  }
}

/** A handler at work. */
export interface Run {
  ended(threw: boolean): void;
  /** It did not begin after all: a mailbox had no room for it, or no time. */
  refused(): void;
}

export class Ledger {
  readonly #trace: Trace;
  readonly #now: () => number;
  readonly #violated: (what: string) => void;
  readonly #entries: Entry[] = [];
  /** Interceptors of the user's may place a call again, or answer in its stead: then less can be said. */
  intercepted = false;
  /** The last number dispatched, by receiving process, sender and its incarnation. */
  readonly #lastSeq = new Map<string, number>();
  /** The last entry dispatched, by sending and receiving process. */
  readonly #lastId = new Map<string, number>();

  constructor(trace: Trace, now: () => number, violated: (what: string) => void) {
    this.#trace = trace;
    this.#now = now;
    this.#violated = violated;
  }

  get size(): number {
    return this.#entries.length;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  place(placing: Placing): Entry {
    const entry = new Entry(this.#entries.length, placing, this.#now());
    this.#entries.push(entry);
    const { by, to, method, oneWay } = placing;
    this.#trace.add(
      by.name,
      oneWay ? "sends" : "calls",
      to === undefined ? "a picker's choice" : formatAddress(to),
      method,
      `#${entry.id}`,
    );
    return entry;
  }

  /** The caller learns the outcome. */
  settle(entry: Entry, error: unknown): void {
    const { by, deadlineAt, oneWay } = entry.placing;
    if (by.isGone) return;
    const now = this.#now();
    entry.settled = true;
    entry.told = error === undefined ? "OK" : RpcError.is(error) ? `${error.code} ${error.execution}` : String(error);
    this.#trace.add(by.name, "is told", entry.told, `#${entry.id}`);
    // (A process that is stopped learns nothing by itself: here the scenario has cancelled for it.)
    if (!by.isStopped && now > Math.max(deadlineAt, by.resumedAt) + DEADLINE_TOLERANCE_MS) {
      this.#violated(`call ${nameOf(entry)} ended ${(now - deadlineAt).toFixed(1)} ms after its deadline`);
    }
    if (this.intercepted) return;
    if (error === undefined) {
      if (!oneWay && entry.handled !== "returned")
        this.#violated(`call ${nameOf(entry)} got a reply, but its handler has ${entry.runs === 0 ? "not run" : "not returned"}`);
      return;
    }
    if (!RpcError.is(error)) {
      this.#violated(`call ${nameOf(entry)} failed with something else than an RpcError: ${String(error)}`);
      return;
    }
    if (error.cause instanceof ProtocolError)
      this.#violated(`${nameOf(entry)} failed because a node broke the protocol: ${error.cause.message}`);
    entry.toldNotRun = error.execution === "notRun";
    if (error.execution === "notRun" && entry.runs > 0)
      this.#violated(`${nameOf(entry)} failed as notRun, but its handler has run: ${error.message}`);
    if (error.execution === "ran" && entry.runs === 0)
      this.#violated(`${nameOf(entry)} failed as ran, but its handler has not run: ${error.message}`);
  }

  /** What goes out with the entry. */
  mark(entry: Entry, metadata: MetadataInit | undefined): MetadataInit {
    return { ...metadata, [CALL_KEY]: String(entry.id) };
  }

  /** A handler of `at` is about to run. `inOrder`: none before it may be waiting behind a limit. */
  dispatch(at: SimProcess, context: Context, inOrder: boolean): Run | undefined {
    if (inOrder) this.#checkNumber(at, context);
    const entry = this.#entryOf(context);
    if (entry === undefined) return undefined;
    const { by, oneWay, to } = entry.placing;
    this.#trace.add(at.name, "runs", `#${entry.id}`);
    entry.runs++;
    entry.handled = "running";
    if (context.from !== by.address) this.#violated(`${nameOf(entry)} came to ${at.name} as from ${formatAddress(context.from)}`);
    if (to !== undefined && to !== at.address) this.#violated(`${nameOf(entry)} was dispatched by ${at.name}`);
    if (!this.intercepted) {
      if (entry.runs > 1) this.#violated(`the handler of ${nameOf(entry)} ran ${entry.runs} times`);
      if (entry.toldNotRun) this.#violated(`${nameOf(entry)} failed as notRun, and now its handler runs on ${at.name}`);
    }
    if (inOrder) this.#checkOrder(entry, at);
    if (!oneWay) this.#checkDeadline(entry, at, context);
    return {
      ended: (threw) => {
        entry.handled = threw ? "threw" : "returned";
      },
      refused: () => {
        entry.runs--;
        entry.handled = "not";
      },
    };
  }

  /** At the end, of processes that live: every call has been settled. */
  checkAllSettled(): void {
    for (const entry of this.#entries) {
      if (!entry.settled && !entry.placing.by.isGone) this.#violated(`${nameOf(entry)} was never settled, although its node is closed`);
    }
  }

  /** Calls that wait for an outcome; those of a dead process wait for ever. */
  describeOpen(): string[] {
    const open = new Map<string, number>();
    for (const { settled, placing } of this.#entries) {
      if (settled) continue;
      const who = placing.by.isGone ? `${placing.by.name} (crashed: they never end)` : placing.by.name;
      open.set(who, (open.get(who) ?? 0) + 1);
    }
    return [...open].map(([who, count]) => `${count} calls of ${who}`);
  }

  /** The entry that metadata names. */
  idOf(metadata: ReadonlyMap<string, Uint8Array>): number | undefined {
    const value = metadata.get(CALL_KEY);
    return value === undefined ? undefined : Number(Buffer.from(value).toString());
  }

  #entryOf(context: Context): Entry | undefined {
    const id = this.idOf(context.metadata);
    return id === undefined ? undefined : this.#entries[id];
  }

  /** Requests are dispatched in the order of their numbers, so none twice. */
  #checkNumber(at: SimProcess, context: Context): void {
    if (!(context instanceof RequestContext) || context.from === ANONYMOUS || context.seq <= 0) return;
    const key = `${at.serial} ${context.from} ${context.epoch}`;
    const last = this.#lastSeq.get(key);
    if (last !== undefined && ((context.seq - last) | 0) <= 0) {
      const what = context.seq === last ? "twice" : `after ${last}`;
      this.#violated(`request ${context.seq} of ${formatAddress(context.from)} was dispatched ${what} on ${at.name}`);
    }
    this.#lastSeq.set(key, context.seq);
  }

  #checkOrder(entry: Entry, at: SimProcess): void {
    const { by, to } = entry.placing;
    if (to === undefined || this.intercepted) return; // a picker's second attempt may be overtaken
    const key = `${by.serial} ${at.serial}`;
    const last = this.#lastId.get(key);
    if (last !== undefined && last > entry.id)
      this.#violated(`${nameOf(entry)} was dispatched on ${at.name} after #${last}, which was sent later`);
    this.#lastId.set(key, Math.max(last ?? 0, entry.id));
  }

  /** The handler sees the caller's deadline, later by the time on the way at most. */
  #checkDeadline(entry: Entry, at: SimProcess, context: Context): void {
    const { deadlineAt } = entry.placing;
    const now = this.#now();
    const wayMs = now - entry.placedAt;
    if (context.deadlineAt > deadlineAt + wayMs + DEADLINE_TOLERANCE_MS)
      this.#violated(`${nameOf(entry)} is to end at ${deadlineAt}, its handler on ${at.name} was given until ${context.deadlineAt}`);
  }
}

export function nameOf({ id, placing }: Entry): string {
  const to = placing.to === undefined ? "a picker's choice" : formatAddress(placing.to);
  return `#${id} ${placing.method} ${placing.by.name} > ${to}`;
}
