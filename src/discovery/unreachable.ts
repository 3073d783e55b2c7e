/**
 * Nodes that could not be reached: others are picked in their place until they have been. They are tried by probes, not by
 * calls, so that a machine which takes connections and says nothing costs nobody a wait; and only where somebody picks nodes
 * of their type.
 */
import { addressType, type LogicalAddress } from "../addr/logical-address.js";
import type { Clock, TimerHandle } from "../internal/clock.js";

/** From the failure to the first probe; twice as long after each that fails. */
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 60_000;

/** What is asked of the nodes of one type. */
interface Wanted {
  /** Somebody has picked since the last probe. */
  isPicked: boolean;
  /** Those whose pause is over: probed when somebody picks. */
  readonly due: Set<LogicalAddress>;
}

interface Unreachable {
  pauseMs: number;
  timer: TimerHandle;
}

export class UnreachableNodes {
  readonly #clock: Clock;
  readonly #probe: (address: LogicalAddress) => void;
  readonly #nodes = new Map<LogicalAddress, Unreachable>();
  readonly #types = new Map<number, Wanted>();

  /** `probe`: dials a node, and says what came of it by {@link add} or {@link delete}. No answer counts as a failure. */
  constructor(clock: Clock, probe: (address: LogicalAddress) => void) {
    this.#clock = clock;
    this.#probe = probe;
  }

  has(address: LogicalAddress): boolean {
    return this.#nodes.has(address);
  }

  /** Hot path. Somebody picks a node of `type`: those that are due are probed. */
  picked(type: number): void {
    if (this.#nodes.size === 0) return;
    const wanted = this.#types.get(type);
    if (wanted === undefined) return;
    wanted.isPicked = true;
    if (wanted.due.size === 0) return;
    const due = [...wanted.due];
    wanted.due.clear();
    for (const address of due) this.#startProbe(address);
  }

  /** It could not be reached, by a call or a probe. */
  add(address: LogicalAddress): void {
    const type = addressType(address);
    if (!this.#types.has(type)) this.#types.set(type, { isPicked: false, due: new Set() });
    const node = this.#nodes.get(address);
    if (node === undefined) this.#nodes.set(address, { pauseMs: FIRST_PAUSE_MS, timer: this.#arm(address, FIRST_PAUSE_MS) });
    else this.#rearm(address, node);
  }

  /** It was reached, or there is a reason to try it anew. False when it was not unreachable. */
  delete(address: LogicalAddress): boolean {
    this.#clock.clearTimeout(this.#nodes.get(address)?.timer);
    this.#types.get(addressType(address))?.due.delete(address);
    return this.#nodes.delete(address);
  }

  clear(): void {
    for (const { timer } of this.#nodes.values()) this.#clock.clearTimeout(timer);
    this.#nodes.clear();
    this.#types.clear();
  }

  #arm(address: LogicalAddress, ms: number): TimerHandle {
    return this.#clock.setTimeout(() => this.#onPauseOver(address), ms);
  }

  #rearm(address: LogicalAddress, node: Unreachable): void {
    this.#types.get(addressType(address))!.due.delete(address);
    this.#clock.clearTimeout(node.timer);
    node.timer = this.#arm(address, node.pauseMs);
  }

  #onPauseOver(address: LogicalAddress): void {
    const wanted = this.#types.get(addressType(address))!;
    if (!wanted.isPicked) {
      wanted.due.add(address);
      return;
    }
    wanted.isPicked = false;
    this.#startProbe(address);
  }

  #startProbe(address: LogicalAddress): void {
    const node = this.#nodes.get(address)!;
    node.pauseMs = Math.min(2 * node.pauseMs, MAX_PAUSE_MS);
    this.#rearm(address, node);
    this.#probe(address);
  }
}
