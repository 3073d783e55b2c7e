/** One call or one-way message that somebody watches over `clusterts:call`. Made only while somebody does. */
import { type AddressText, ANONYMOUS, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { type Code, type Execution, RpcError } from "../errors.js";
import { callEvents } from "../events/channels.js";
import type { Clock } from "../internal/clock.js";
import { nextEventId } from "./event-id.js";

export class CallWatch {
  /** Who was chosen last. */
  to: LogicalAddress = ANONYMOUS;
  readonly #facts: { readonly node: AddressText; readonly id: number; readonly method: string; readonly oneWay: boolean };
  readonly #clock: Clock;
  readonly #startedAt: number;

  constructor(self: LogicalAddress, method: string, oneWay: boolean, clock: Clock) {
    this.#facts = { node: formatAddress(self), id: nextEventId(), method, oneWay };
    this.#clock = clock;
    this.#startedAt = clock.now();
    callEvents.publish({ type: "start", ...this.#facts });
  }

  /** Tells how `outcome` ends, and gives it on as it is. */
  until<T>(outcome: Promise<T>): Promise<T> {
    const { oneWay } = this.#facts;
    outcome.then(
      () => this.#end("OK", oneWay ? "unknown" : "ran"),
      (error: unknown) => (RpcError.is(error) ? this.#end(error.code, error.execution) : this.#end("UNKNOWN", "unknown")),
    );
    return outcome;
  }

  #end(code: "OK" | Code, execution: Execution): void {
    const durationMs = this.#clock.now() - this.#startedAt;
    callEvents.publish({ type: "end", ...this.#facts, peer: formatAddress(this.to), code, execution, durationMs });
  }
}
