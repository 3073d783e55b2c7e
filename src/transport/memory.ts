/** A network inside one process: for tests, and to break it in every way that a real one breaks, from a seed. */
import { type Endpoint, formatEndpoint } from "../addr/endpoint.js";
import type { Clock, Random } from "../internal/clock.js";
import { MemoryConnection, type MemoryEnvironment } from "./memory-connection.js";
import { MemoryHost } from "./memory-host.js";
import { DEFAULT_CONDITIONS, Direction, type DirectionConditions } from "./memory-lane.js";
import { type CredentialsOfBothEnds, MemoryWire } from "./memory-wire.js";
import { systemError } from "./system-error.js";
import type { Connection, Listener, Transport } from "./transport.js";

export type { DirectionConditions } from "./memory-lane.js";
export type { CredentialsOfBothEnds } from "./memory-wire.js";

export interface MemoryNetworkOptions {
  /** All time comes from here. */
  clock: Clock;
  /** All chance comes from here: the same seed and the same calls give the same run. */
  random: Random;
  /** Bytes that one direction of a connection takes before `write` returns false. Default 64 KiB. */
  socketBufferBytes?: number | undefined;
  /** Where a direction between two hosts starts from. Default: see {@link DirectionConditions}. */
  conditions?: Partial<DirectionConditions> | undefined;
  /** Identities and key material of a connection, as TLS would have them. Default: none. */
  credentials?: ((dialer: string, listener: Endpoint) => CredentialsOfBothEnds) | undefined;
  /** Told, line by line, of what arrives and of each fault: `"#3 a:49152 > b:8000 data 512"`. */
  trace?: ((line: string) => void) | undefined;
}

/** What `crash` leaves of a host. */
export interface CrashOptions {
  /**
   * `"reset"`: the process is gone, its machine resets the connections and refuses new ones.
   * `"silent"`: the machine is gone; nothing is heard of it until {@link MemoryNetwork.restart}.
   */
  peersSee: "reset" | "silent";
}

const NO_CREDENTIALS: CredentialsOfBothEnds = {
  atDialer: { identity: undefined, channelBinding: undefined },
  atListener: { identity: undefined, channelBinding: undefined },
};

/** Named hosts and what lies between them. Endpoints are `host:port`; a host comes into being with its first transport. */
export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #environment: MemoryEnvironment;
  readonly #hosts = new Map<string, MemoryHost>();
  readonly #directions = new Map<string, Direction>();
  readonly #wires = new Set<MemoryWire>();
  #conditions: DirectionConditions;
  #serial = 0;

  constructor(options: MemoryNetworkOptions) {
    this.#options = options;
    this.#conditions = { ...DEFAULT_CONDITIONS, ...options.conditions };
    const { clock, random, socketBufferBytes = 64 * 1024 } = options;
    this.#environment = { clock, random, socketBufferBytes };
  }

  /** Connections of which at least one end is open. */
  get connectionCount(): number {
    return this.#wires.size;
  }

  /**
   * A transport of `host` in its present life; after a crash it fails with ENETDOWN, and the next life needs another.
   * With `clock`, the process that runs there is called by that clock: one that can be stopped.
   */
  transport(host: string, clock?: Clock): MemoryTransport {
    let existing = this.#hosts.get(host);
    if (existing === undefined) {
      existing = new MemoryHost(host, this.#environment);
      this.#hosts.set(host, existing);
    }
    if (clock !== undefined) existing.environment = { ...this.#environment, clock };
    return new MemoryTransport(existing, (endpoint, signal) => this.#dial(existing, endpoint, signal));
  }

  /** Changes conditions of all directions, those too that come into being later. */
  shapeAll(conditions: Partial<DirectionConditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
    for (const direction of this.#directions.values()) direction.change(conditions);
  }

  /** Changes conditions of one direction, for connections that are open too. */
  shape(from: string, to: string, conditions: Partial<DirectionConditions>): void {
    const changes = Object.entries(conditions).map(([name, value]) => `${name}=${value}`);
    this.#trace(`${from} > ${to} ${changes.join(" ")}`);
    this.#direction(from, to).change(conditions);
  }

  /** Nothing gets from `from` to `to` until healed; the other way it does. What is sent is kept, dials stay pending. */
  hold(from: string, to: string): void {
    this.shape(from, to, { held: true });
  }

  /** Nothing gets through between the two, either way, until healed. */
  partition(one: string, other: string): void {
    this.hold(one, other);
    this.hold(other, one);
  }

  /** Ends {@link hold} and {@link partition}, both ways: what was kept arrives now. */
  heal(one: string, other: string): void {
    this.shape(one, other, { held: false });
    this.shape(other, one, { held: false });
  }

  /** The ends on `reader` stop reading what `writer` sends: it piles up in the socket buffers, then `write` returns false. */
  pauseReading(reader: string, writer: string): void {
    this.shape(writer, reader, { receiverReads: false });
  }

  resumeReading(reader: string, writer: string): void {
    this.shape(writer, reader, { receiverReads: true });
  }

  /** Every connection between the two is lost; both ends get ECONNRESET, whatever is held. */
  reset(one: string, other: string): void {
    this.#trace(`reset ${one} - ${other}`);
    for (const wire of this.#wiresBetween(one, other)) wire.reset();
  }

  /**
   * Connections between the two become half-open: on `forgetful` their owners get ECONNRESET, `other` learns nothing, ever.
   * What it writes is never read, so that it goes nowhere, and fills its socket buffer.
   */
  halfOpen(forgetful: string, other: string): void {
    this.#trace(`half-open ${forgetful} - ${other}`);
    for (const wire of this.#wiresBetween(forgetful, other)) wire.forgetAt(this.#host(forgetful));
  }

  /**
   * `host` dies: its listeners and connections vanish, and nobody on it is called any more. (Code that ran there still
   * runs, in a test; its connections swallow what it writes, and close when it destroys them.)
   */
  crash(host: string, { peersSee }: CrashOptions): void {
    this.#trace(`crash ${host} ${peersSee}`);
    const crashed = this.#host(host);
    crashed.crash(peersSee === "reset");
    for (const wire of this.#wiresOf(host)) wire.crashAt(crashed, peersSee === "reset");
  }

  /**
   * The process on `host` is stopped, as by SIGSTOP: it reads nothing and hears of nothing until {@link thaw}. Its machine
   * goes on: it sends what was written, and takes dials and bytes as far as there is room.
   */
  freeze(host: string): void {
    this.#trace(`freeze ${host}`);
    this.#host(host).freeze();
  }

  thaw(host: string): void {
    this.#trace(`thaw ${host}`);
    const thawed = this.#host(host);
    thawed.thaw();
    for (const wire of this.#wiresOf(host)) wire.thawAt(thawed);
  }

  /** Connections of which an end on `host` is open. */
  connectionsOf(host: string): number {
    return this.#wiresOf(host).filter((wire) => wire.isOpenAt(this.#host(host))).length;
  }

  /** Ports on which `host` listens. */
  listenersOf(host: string): number {
    return this.#host(host).listenerCount;
  }

  /** `host` is there again, with nothing listening. It resets connections of its former life over which bytes come. */
  restart(host: string): void {
    this.#trace(`restart ${host}`);
    const restarted = this.#host(host);
    restarted.restart();
    for (const wire of this.#wiresOf(host)) wire.restartAt(restarted);
  }

  #dial(dialer: MemoryHost, endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    const listener = dialer.isMeantBy(endpoint.host) ? dialer : this.#hosts.get(endpoint.host);
    if (listener === undefined) {
      return Promise.reject(systemError("ENOTFOUND", `dial ${formatEndpoint(endpoint)}: no address for ${endpoint.host} (ENOTFOUND)`));
    }
    return new Promise((resolve, reject) => {
      const wire = new MemoryWire(this.#environment, {
        serial: ++this.#serial,
        dialer,
        listener,
        endpoint,
        forward: this.#direction(dialer.name, listener.name),
        back: this.#direction(listener.name, dialer.name),
        credentials: this.#options.credentials?.(dialer.name, endpoint) ?? NO_CREDENTIALS,
        trace: this.#options.trace,
        onOver: (over) => this.#wires.delete(over),
        onDialed: (outcome) => {
          signal.removeEventListener("abort", onAbort);
          if (outcome instanceof MemoryConnection) resolve(outcome);
          else reject(outcome);
        },
      });
      const onAbort = (): void => {
        wire.dialerEnd.destroy();
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#wires.add(wire);
    });
  }

  #host(name: string): MemoryHost {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new RangeError(`no host "${name}" in this network; it has ${[...this.#hosts.keys()].join(", ")}`);
    return host;
  }

  #direction(from: string, to: string): Direction {
    const key = `${from} > ${to}`;
    let direction = this.#directions.get(key);
    if (direction === undefined) {
      direction = new Direction(this.#conditions);
      this.#directions.set(key, direction);
    }
    return direction;
  }

  #wiresOf(host: string): MemoryWire[] {
    return [...this.#wires].filter(({ dialer, listener }) => dialer.name === host || listener.name === host);
  }

  #wiresBetween(one: string, other: string): MemoryWire[] {
    return [...this.#wires].filter(
      ({ dialer, listener }) => (dialer.name === one && listener.name === other) || (dialer.name === other && listener.name === one),
    );
  }

  #trace(event: string): void {
    this.#options.trace?.(event);
  }
}

/** One host's way into a {@link MemoryNetwork}. */
export class MemoryTransport implements Transport {
  readonly #host: MemoryHost;
  readonly #life: number;
  readonly #dial: Transport["dial"];

  /** Made by {@link MemoryNetwork.transport}. */
  constructor(host: MemoryHost, dial: Transport["dial"]) {
    this.#host = host;
    this.#life = host.life;
    this.#dial = dial;
  }

  /** @throws Error ECONNREFUSED, ECONNRESET, ENOTFOUND, ENETDOWN; the signal's reason when aborted. */
  async dial(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    this.#checkAlive(`dial ${formatEndpoint(endpoint)}`);
    return this.#dial(endpoint, signal);
  }

  /** Listens on the host's name, a loopback address, or a wildcard. @throws Error EADDRINUSE, EADDRNOTAVAIL, ENETDOWN. */
  async listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listener> {
    this.#checkAlive(`listen ${formatEndpoint(endpoint)}`);
    return this.#host.listen(endpoint, onConnection);
  }

  #checkAlive(what: string): void {
    if (!this.#host.isUp || this.#host.life !== this.#life) {
      throw systemError("ENETDOWN", `${what}: ENETDOWN (host ${this.#host.name} has crashed)`);
    }
  }
}
