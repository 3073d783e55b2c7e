/** One name, several addresses: which of them answers? Overlapping attempts in the manner of RFC 8305. */
import { isIPv6 } from "node:net";
import { type Endpoint, formatEndpoint } from "../addr/endpoint.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import { codeOf, type SystemError, systemError } from "./system-error.js";

/** Milliseconds that an address has for itself before the next one is tried beside it. */
export const ATTEMPT_STAGGER_MS = 250;

/** Tries one address; calls one of the two, never before it returns. Returns what gives the attempt up. */
export type Attempt<T> = (address: string, connected: (result: T) => void, failed: (error: Error) => void) => () => void;

/**
 * Tries `addresses` in order: the next one starts when the last has failed, or has been silent for
 * {@link ATTEMPT_STAGGER_MS}. None is given up before one has answered, so a slow address behind a dead one is reached too
 * (`net.connect` itself drops each after 250 ms). Resolves with the first to connect and gives the others up.
 *
 * @throws the signal's reason when aborted; else, when all have failed, one error that lists each address with its code.
 */
export function raceAddresses<T>(
  target: Endpoint,
  addresses: readonly string[],
  attempt: Attempt<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const running = new Map<string, () => void>();
    const failures = new Map<string, Error>();
    let next = 0;
    let stagger: TimerHandle;

    const finish = (): void => {
      clock.clearTimeout(stagger);
      signal.removeEventListener("abort", onAbort);
      for (const giveUp of running.values()) giveUp();
      running.clear();
    };
    const onAbort = (): void => {
      finish();
      reject(signal.reason);
    };
    const startNext = (): void => {
      clock.clearTimeout(stagger);
      if (next === addresses.length) {
        if (running.size > 0) return;
        finish();
        reject(dialError(target, failures));
        return;
      }
      const address = addresses[next++]!;
      const connected = (result: T): void => {
        running.delete(address);
        finish();
        resolve(result);
      };
      const failed = (error: Error): void => {
        if (!running.delete(address)) return; // given up, or connected and lost later
        failures.set(address, error);
        startNext();
      };
      running.set(address, attempt(address, connected, failed));
      if (next < addresses.length) stagger = clock.setTimeout(startNext, ATTEMPT_STAGGER_MS);
    };

    if (signal.aborted) return reject(signal.reason);
    startNext();
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Each address once, IPv4 and IPv6 by turns from the resolver's first on, so that one dead family costs one attempt and not all. */
export function interleaveFamilies(addresses: readonly string[]): string[] {
  const unique = [...new Set(addresses)];
  const firstIsIPv6 = isIPv6(unique[0] ?? "");
  const preferred = unique.filter((address) => isIPv6(address) === firstIsIPv6);
  const other = unique.filter((address) => isIPv6(address) !== firstIsIPv6);
  const ordered: string[] = [];
  for (let index = 0; index < Math.max(preferred.length, other.length); index++) {
    ordered.push(...preferred.slice(index, index + 1), ...other.slice(index, index + 1));
  }
  return ordered;
}

/** An answer says most, even a refusal; then silence; last, that there is no way there (often just a machine without IPv6). */
const LEAST_TELLING = ["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"];

function dialError(target: Endpoint, failures: ReadonlyMap<string, Error>): SystemError {
  const errors = [...failures.values()];
  const rank = (error: Error): number => LEAST_TELLING.indexOf(codeOf(error));
  const telling = errors.reduce((best, error) => (rank(error) < rank(best) ? error : best), errors[0]!);
  const only = failures.size === 1 && failures.has(target.host);
  const tried = only ? codeOf(telling) : [...failures].map(([address, error]) => `${address} ${codeOf(error)}`).join(", ");
  return systemError(codeOf(telling), `dial ${formatEndpoint(target)}: ${tried}`, telling);
}
