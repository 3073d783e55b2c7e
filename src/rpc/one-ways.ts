/** One-way messages that wait in a link's queue: their promises settle when the message goes out, or never will. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { RpcError } from "../errors.js";

interface Waiting {
  readonly name: string;
  readonly resolve: () => void;
  readonly reject: (error: RpcError) => void;
}

export class OneWays {
  /** Bounded by the queues of the links. */
  readonly #waiting = new Map<string, Waiting>();

  queued(to: LogicalAddress, seq: number, name: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(`${to}:${seq}`, { name, resolve, reject });
    });
  }

  sent(to: LogicalAddress, seq: number): void {
    this.#take(to, seq)?.resolve();
  }

  /** True when somebody waited. */
  unsent(to: LogicalAddress, seq: number, error: (name: string) => RpcError): boolean {
    const waiting = this.#take(to, seq);
    waiting?.reject(error(waiting.name));
    return waiting !== undefined;
  }

  #take(to: LogicalAddress, seq: number): Waiting | undefined {
    if (this.#waiting.size === 0) return undefined;
    const key = `${to}:${seq}`;
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    return waiting;
  }
}
