/** One key of a mailbox while anything of it runs or waits: one task at a time, which must not wait for its own key. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../internal/clock.js";
import { ambient, type RequestContext } from "./request-context.js";
import { type Work, type WorkCounters, type WorkOrder, WorkQueue } from "./work-queue.js";

/** A key that the present code has to itself. Only what runs within the same request can be waited for by it. */
interface Hold {
  readonly lane: Lane;
  readonly request: RequestContext | undefined;
  isOpen: boolean;
  /** The task that this one runs in. Cut when this one ends, or one after the other would hang on a chain without end. */
  outer: Hold | undefined;
}

const held = new AsyncLocalStorage<Hold | undefined>();

/** What a lane needs of its mailbox. */
export interface LaneOwner {
  readonly clock: Pick<Clock, "now">;
  readonly counters: WorkCounters;
  onLaneIdle(lane: Lane): void;
}

export class Lane extends WorkQueue {
  readonly key: unknown;
  /** When the present task began. */
  startedAt = 0;
  readonly #owner: LaneOwner;
  #hold: Hold | undefined;

  constructor(key: unknown, owner: LaneOwner) {
    super(1, owner.counters);
    this.key = key;
    this.#owner = owner;
  }

  /** Whether the present code runs within a task of this key. */
  get isHeldHere(): boolean {
    const request = ambient.getStore();
    for (let hold = held.getStore(); hold !== undefined; hold = hold.outer) {
      if (hold.lane === this && hold.isOpen && hold.request === request) return true;
    }
    return false;
  }

  protected override describe(): string {
    return describeKey(this.key);
  }

  protected override begin({ work, input, context, isDetached }: WorkOrder): unknown {
    this.startedAt = this.#owner.clock.now();
    const request = isDetached ? undefined : ambient.getStore();
    if (request !== undefined) request.hasBegun = true;
    const outer = isDetached ? undefined : held.getStore();
    const hold: Hold = { lane: this, request, isOpen: true, outer: outer?.isOpen === true ? outer : undefined };
    this.#hold = hold;
    if (isDetached) return ambient.run(undefined, call, hold, work, input, context);
    return call(hold, work, input, context);
  }

  protected override ended(): void {
    this.#hold!.isOpen = false;
    this.#hold!.outer = undefined;
    this.#hold = undefined;
  }

  protected override onIdle(): void {
    this.#owner.onLaneIdle(this);
  }
}

function call(hold: Hold, work: Work, input: unknown, context: unknown): unknown {
  return held.run(hold, work, input as never, context as never);
}

const MAX_KEY_CHARACTERS = 64;

/** A key as it stands in errors: bounded, on one line. */
export function describeKey(key: unknown): string {
  switch (typeof key) {
    case "string":
      return JSON.stringify(key.length > MAX_KEY_CHARACTERS ? `${key.slice(0, MAX_KEY_CHARACTERS)}…` : key);
    case "number":
    case "bigint":
      return JSON.stringify(String(key));
    default:
      return "an object";
  }
}
