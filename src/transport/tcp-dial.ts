/** From an endpoint to a connected socket: the name looked up, every address tried. */
import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { type Endpoint, formatEndpoint } from "../addr/endpoint.js";
import type { Clock } from "../internal/clock.js";
import { type Attempt, interleaveFamilies, raceAddresses } from "./address-race.js";
import { codeOf, systemError } from "./system-error.js";

/** Turns a host name into IP addresses, best first. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** The system's resolver: /etc/hosts, then DNS, in the order of its own rules. */
export const systemLookup: Lookup = async (host) => (await lookup(host, { all: true })).map((record) => record.address);

/**
 * A connected socket, paused: nothing is read before the caller resumes it. Names are looked up each time.
 *
 * @throws Error with the system's `code`; the signal's reason when aborted, also while the name is looked up.
 */
export async function dialSocket(endpoint: Endpoint, resolveName: Lookup, clock: Clock, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const addresses =
    isIP(endpoint.host) !== 0 ? [endpoint.host] : interleaveFamilies(await untilAborted(addressesOf(endpoint, resolveName), signal));
  return raceAddresses(endpoint, addresses, attemptAt(endpoint.port), clock, signal);
}

function attemptAt(port: number): Attempt<Socket> {
  return (address, connected, failed) => {
    const socket = connect({ host: address, port });
    socket.pause();
    socket.on("error", failed); // stays: an attempt that was given up may still fail
    socket.once("connect", () => {
      if (!isConnectedToItself(socket)) return connected(socket);
      socket.destroy();
      failed(systemError("ECONNREFUSED", `connect ECONNREFUSED ${address}:${port}`));
    });
    return () => socket.destroy();
  };
}

/** Dialing a free port of this machine's ephemeral range may hit the very port that the dial itself was given. */
function isConnectedToItself(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}

async function addressesOf(endpoint: Endpoint, resolveName: Lookup): Promise<readonly string[]> {
  const failure = (code: string, cause?: unknown) =>
    systemError(code, `dial ${formatEndpoint(endpoint)}: no address for ${endpoint.host} (${code})`, cause);
  let addresses: readonly string[];
  try {
    addresses = await resolveName(endpoint.host);
  } catch (cause) {
    throw cause instanceof Error ? failure(codeOf(cause), cause) : failure("ENOTFOUND", cause);
  }
  if (addresses.length === 0) throw failure("ENOTFOUND");
  return addresses;
}

/** A lookup cannot be stopped; its result is dropped when nobody waits for it any more. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const done = (): void => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(
      (value) => {
        done();
        resolve(value);
      },
      (error: unknown) => {
        done();
        reject(error);
      },
    );
  });
}
