/** One simulated process: a life of a node, with the machine, the clock and the way to the store that it has. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { ProcessClock } from "./process-clock.js";
import type { StoreSession } from "./sim-discovery.js";

export class SimProcess {
  /** Counts all lives of all nodes of the run. */
  readonly serial: number;
  readonly address: LogicalAddress;
  /** The address, and which of its lives: `1.2.1`, `1.2.1'2`. */
  readonly name: string;
  readonly host: string;
  /** The library's time. */
  readonly clock: ProcessClock;
  /** The time of the user's code, with `fakeTimers`. */
  readonly userClock: ProcessClock;
  /** One in its group's store, and a harbor's second one in that of the harbors. */
  readonly sessions: readonly StoreSession[];
  /** When it went on last, after it was stopped. */
  resumedAt = Number.NEGATIVE_INFINITY;

  constructor(
    serial: number,
    address: LogicalAddress,
    life: number,
    host: string,
    clock: ProcessClock,
    userClock: ProcessClock,
    sessions: readonly StoreSession[],
  ) {
    this.serial = serial;
    this.address = address;
    this.name = life === 1 ? formatAddress(address) : `${formatAddress(address)}'${life}`;
    this.host = host;
    this.clock = clock;
    this.userClock = userClock;
    this.sessions = sessions;
  }

  /** Whether it has crashed. */
  get isGone(): boolean {
    return this.clock.state === "dead";
  }

  get isStopped(): boolean {
    return this.clock.state === "stopped";
  }
}
