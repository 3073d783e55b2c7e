/** Where a message goes: from what the application names to an address, and from there to the link that carries it. */
import { type AddressLike, ANONYMOUS, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import type { RpcError } from "../errors.js";
import type { CallFailures } from "./call-failures.js";
import { addressOrText, targetFault } from "./failure.js";
import type { Outbound } from "./outbound.js";
import type { Router } from "./router.js";
import type { Target } from "./service.js";

export class Targets {
  readonly #router: Router;
  readonly #failures: CallFailures;
  /** The address given last, and what it means: most calls in a row go to the same node. */
  #recentText: AddressLike = ANONYMOUS;
  #recentAddress: LogicalAddress = ANONYMOUS;

  constructor(router: Router, failures: CallFailures) {
    this.#router = router;
    this.#failures = failures;
  }

  /** Hot path. The address that `target` means; of a picker one other than `not`, where there is a choice. `name`: of the method, for the error. */
  resolve(target: Target, name: string, not: LogicalAddress | undefined): LogicalAddress | RpcError {
    if (target === this.#recentText) return this.#recentAddress;
    const failures = this.#failures;
    try {
      if (typeof target !== "object" || target === null) {
        const address = toAddress(target as AddressLike);
        this.#recentText = target as AddressLike;
        this.#recentAddress = address;
        return address;
      }
      const picked = this.#router.pick(target.type, target.policy, not);
      if (picked !== undefined) return picked;
    } catch (cause) {
      return failures.of(name, addressOrText(target), "INVALID_ARGUMENT", "notRun", targetFault(cause), cause);
    }
    if (failures.closed !== undefined) return failures.notAnyMore(name, addressOrText(target), failures.closed);
    return failures.of(name, addressOrText(target), "UNAVAILABLE", "notRun", this.#router.explainNone(target.type));
  }

  /** Hot path. What carries messages to `to`. */
  way(to: LogicalAddress, name: string): Outbound | RpcError {
    const failures = this.#failures;
    if (failures.closed !== undefined) return failures.notAnyMore(name, to, failures.closed);
    const way = this.#router.route(to);
    return typeof way === "string" ? failures.of(name, to, "UNAVAILABLE", "notRun", way) : way;
  }
}
