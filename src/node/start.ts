/** The steps between `start()` and a node that others can reach, each with an error that says what is wrong. */

import { type Endpoint, formatEndpoint, isLoopbackHost, isWildcardHost, parseEndpoint } from "../addr/endpoint.js";
import { formatAddress } from "../addr/logical-address.js";
import type { Member } from "../discovery/discovery.js";
import type { Members } from "../discovery/members.js";
import { InvalidOptionsError, RpcError, StartError } from "../errors.js";
import { codeOf, describeCause } from "../internal/describe-cause.js";
import { messageOf } from "../internal/message-of.js";
import { DialAttempt } from "../link/dial-attempt.js";
import type { Identity, PeerHello } from "../link/handshake.js";
import type { Keyring } from "../link/keyring.js";
import { LastWords } from "../link/last-words.js";
import type { Connection, Listener } from "../transport/transport.js";
import { PURPOSE } from "../wire/hello.js";
import type { ResolvedNodeOptions } from "./options.js";

/** Longest time to find out whether somebody else has this address. */
const PROBE_TIMEOUT_MS = 2_000;
const DEFAULT_LISTEN = "127.0.0.1:0";
/** What fits where incarnations travel. */
const MAX_INCARNATION = 2n ** 64n - 1n;

/** What to do about a node that does not start. Every one of these stands in docs/errors.md. */
export const START_HINT = {
  notInDiscovery: "add it there, or use a discovery that registers nodes",
  inUse: "stop that one, or give this node another address",
  portTaken: "stop what listens there, or choose another port",
  notThisMachine: "is this the right machine? where others reach it by another address, the option listen says where it listens",
  cannotListen: "choose another host or port",
  notRegistered: "is the store up, and may this node write to it?",
  fencingToken: "it is to be a bigint from 1 to 2^64-1 that grows with each registration",
  wildcard: "nobody can dial that: say where others reach it with the option advertise",
} as const;

export interface Starting {
  readonly options: ResolvedNodeOptions;
  readonly members: Members;
  readonly identity: Identity;
  readonly keyring: Keyring;
  /** Aborted when the time for starting is over, by the caller's signal, or by `close()`. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** How this node gets its place: written by hand into discovery, or announced by itself. */
export type Place =
  | { readonly type: "configured"; readonly member: Member }
  | { readonly type: "registering"; readonly stale: Member | undefined };

/** Finds this node in discovery, or that it is to register. */
export async function findPlace({ options, members, signal, timeoutMs }: Starting): Promise<Place> {
  const { address, clock } = options;
  const text = formatAddress(address);
  const until = clock.now() + timeoutMs;
  members.start();
  try {
    await members.ready({ timeoutMs, signal });
    const present = members.get(address);
    if (present !== undefined && present.incarnation === undefined) return { type: "configured", member: present };
    if (members.registers) return { type: "registering", stale: present };
    return {
      type: "configured",
      member: await members.waitForMember(address, { timeoutMs: Math.max(1, Math.ceil(until - clock.now())), signal }),
    };
  } catch (error) {
    if (error instanceof InvalidOptionsError) throw error;
    if (signal.aborted) throw aborted(signal, text);
    const reason = RpcError.is(error) ? error.reason : String(error);
    if (members.get(address) === undefined && /is not in discovery/.test(reason)) {
      throw new StartError("NOT_IN_DISCOVERY", `${text} did not start: ${reason}; ${START_HINT.notInDiscovery}`, {
        cause: error,
      });
    }
    throw new StartError("TIMEOUT", `${text} did not start: ${reason}`, { cause: error });
  }
}

/** @throws {@link StartError} `ADDRESS_IN_USE` when a live node answers for this address at the endpoint in discovery. */
export async function refuseIfTaken(starting: Starting, endpoint: string): Promise<void> {
  const text = formatAddress(starting.options.address);
  const holder = await whoAnswers(starting, endpoint);
  if (holder === undefined) return;
  throw new StartError(
    "ADDRESS_IN_USE",
    `${text} did not start: address in use, a live ${text} (${holder.software}) answers at ${endpoint}; ${START_HINT.inUse}`,
  );
}

export async function listen({ options }: Starting, place: Place, onConnection: (connection: Connection) => void): Promise<Listener> {
  const text = options.listen ?? (place.type === "configured" ? place.member.endpoint : DEFAULT_LISTEN);
  const endpoint = parseEndpoint(text);
  if (options.secrets.length === 0 && options.tls?.isMutual !== true && !options.insecure && !isLoopbackHost(endpoint.host)) {
    options.logger.warn(
      { endpoint: text },
      `${formatAddress(options.address)} listens on ${text} without secrets: only connections over loopback will be taken`,
    );
  }
  try {
    return await options.transport.listen(endpoint, onConnection);
  } catch (error) {
    const origin =
      options.listen !== undefined ? "the option listen" : place.type === "configured" ? "its endpoint in discovery" : "the default";
    const why = `${describeCause(error as Error)}; ${listenHint(error as Error)}`;
    throw new StartError("LISTEN_FAILED", `${formatAddress(options.address)} did not start: cannot listen on ${text}, ${origin}: ${why}`, {
      cause: error,
    });
  }
}

/** Another process that lives at this node's address, as a newer incarnation of it; `undefined` when there is none. */
export async function newerHolder(starting: Starting): Promise<{ readonly incarnation: bigint; readonly endpoint: string } | undefined> {
  const { identity, members, options } = starting;
  const entry = members.get(options.address);
  if (entry === undefined) return undefined;
  const { endpoint } = entry;
  const holder = await whoAnswers(starting, endpoint);
  return holder !== undefined && holder.incarnation > identity.incarnation ? { incarnation: holder.incarnation, endpoint } : undefined;
}

/** Announces this node. Gives the store's fencing token, if it has one. */
export async function register(starting: Starting, bound: Endpoint, beforeRenewal: () => Promise<void>): Promise<bigint | undefined> {
  const { options, members, signal } = starting;
  const text = formatAddress(options.address);
  const self = entryOf(starting, bound);
  let token: bigint | undefined;
  try {
    token = await members.register(self, { signal, beforeRenewal });
  } catch (error) {
    const timedOut = signal.reason instanceof StartError && signal.reason.code === "TIMEOUT";
    if (signal.aborted && !timedOut) throw aborted(signal, text);
    const hint = timedOut ? `; ${START_HINT.notRegistered}` : "";
    throw new StartError("REGISTRATION_FAILED", `${text} did not start: ${(error as Error).message}${hint}`, { cause: error });
  }
  if (token === undefined || (typeof token === "bigint" && token > 0n && token <= MAX_INCARNATION)) return token;
  throw new StartError(
    "REGISTRATION_FAILED",
    `${text} did not start: the discovery gave ${token} as its fencing token; ${START_HINT.fencingToken}`,
  );
}

/** Lets a harbor look for the harbors of other groups, and be found by them, where that is a discovery of its own. Gives whether it has an entry there that is its own. */
export async function joinHarbors(
  ofGroup: Starting,
  harbors: Members,
  bound: Endpoint,
  beforeRenewal: () => Promise<void>,
): Promise<boolean> {
  const { options, signal, timeoutMs } = ofGroup;
  harbors.start();
  try {
    await harbors.ready({ timeoutMs, signal });
  } catch (error) {
    if (signal.aborted) throw aborted(signal, formatAddress(options.address));
    const reason = RpcError.is(error) ? error.reason : String(error);
    throw new StartError("TIMEOUT", `${formatAddress(options.address)} did not start: harbors: ${reason}`, { cause: error });
  }
  // Two entries in one store would take the address from each other for ever.
  if (!harbors.registers || isSameStore(ofGroup, harbors, entryOf(ofGroup, bound))) return false;
  // Its incarnation is that of its group's store: tokens of this one only tell its own registrations apart.
  await register({ ...ofGroup, members: harbors }, bound, beforeRenewal);
  return true;
}

/** Whether `harbors` is another way to the store of the group: it has this node's own entry already, and the same others. Tokens alone may be equal by chance. */
function isSameStore({ members }: Starting, harbors: Members, { address, endpoint, incarnation }: Member): boolean {
  const own = harbors.get(address);
  if (own?.incarnation !== incarnation || own?.endpoint !== endpoint) return false;
  const others = (list: readonly Member[]): readonly Member[] => list.filter((member) => member.address !== address);
  const [here, there] = [others(members.list()), others(harbors.list())];
  return here.length === there.length && here.every((member) => harbors.get(member.address)?.incarnation === member.incarnation);
}

function entryOf({ identity, options }: Starting, bound: Endpoint): Member {
  return {
    address: options.address,
    endpoint: advertised(options, bound),
    export: options.export === true,
    available: true,
    incarnation: identity.incarnation,
    ...(options.metadata !== undefined && { metadata: options.metadata }),
    ...(options.version !== undefined && { version: options.version }),
  };
}

/** What others dial: as told, or where it is bound; a wildcard is no address that anybody could dial. */
function advertised({ advertise, address, logger }: ResolvedNodeOptions, bound: Endpoint): string {
  if (advertise !== undefined) return advertise.includes(":") ? advertise : formatEndpoint({ host: advertise, port: bound.port });
  if (isWildcardHost(bound.host)) {
    throw new StartError(
      "REGISTRATION_FAILED",
      `${formatAddress(address)} did not start: it listens on all interfaces (${formatEndpoint(bound)}); ${START_HINT.wildcard}`,
    );
  }
  if (isLoopbackHost(bound.host))
    logger.info(
      { endpoint: formatEndpoint(bound) },
      `${formatAddress(address)} is published at ${formatEndpoint(bound)}: only nodes of this machine reach it`,
    );
  return formatEndpoint(bound);
}

function listenHint(error: Error): string {
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return START_HINT.portTaken;
    case "EADDRNOTAVAIL":
      return START_HINT.notThisMachine;
    default:
      return START_HINT.cannotListen;
  }
}

/** @throws {@link StartError} when starting is over: by its timeout, by the caller's signal, or by `close()`. */
export function throwIfAborted({ signal, options }: Starting): void {
  if (signal.aborted) throw aborted(signal, formatAddress(options.address));
}

function aborted(signal: AbortSignal, text: string): StartError {
  if (signal.reason instanceof StartError) return signal.reason;
  return new StartError("ABORTED", `${text} did not start: ${messageOf(signal.reason)}`, { cause: signal.reason });
}

/** Who proves to be this node's own address at `endpoint`; `undefined`: nobody, or nobody who can prove it. */
async function whoAnswers({ options, identity, keyring, signal }: Starting, endpoint: string): Promise<PeerHello | undefined> {
  const { clock, random, transport } = options;
  const timeouts = { dialTimeoutMs: PROBE_TIMEOUT_MS, handshakeTimeoutMs: PROBE_TIMEOUT_MS };
  if (signal.aborted) return undefined;
  return await new Promise((resolve) => {
    const settle = (peer: PeerHello | undefined): void => {
      signal.removeEventListener("abort", onAbort);
      resolve(peer);
    };
    const lastWords = new LastWords(clock);
    const attempt = new DialAttempt({ identity, keyring, transport, clock, random, lastWords }, timeouts, {
      onOpen: (connection, peer) => {
        connection.destroy();
        settle(peer);
      },
      onFail: () => settle(undefined), // nobody listens there: the usual case
    });
    const onAbort = (): void => {
      attempt.giveUp();
      settle(undefined);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    attempt.start(endpoint, options.address, PURPOSE.probe);
  });
}
