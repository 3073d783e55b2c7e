/** A gateway in stream mode: each client is one stream to a backend, and bytes pass through both ways. */
import { formatEndpoint } from "../addr/endpoint.js";
import { type AddressText, formatAddress } from "../addr/logical-address.js";
import { gatewayEvents } from "../events/channels.js";
import type { TimerHandle } from "../internal/clock.js";
import { Deferred } from "../internal/deferred.js";
import { messageOf } from "../internal/message-of.js";
import { Seldom } from "../internal/seldom.js";
import { within } from "../internal/within.js";
import type { BackendStream, StreamOpener } from "./backend-stream.js";
import { ClientLimits } from "./client-limits.js";
import { ClientSession, type SessionEnd, type SessionHost } from "./client-session.js";
import { goodbyeFor, newCloseCounts, newRefusalCounts, type RefusalCause } from "./close-cause.js";
import type { ClientConnection, Goodbye, Listener, Listening } from "./listen/listener.js";
import { lookIntervalMs } from "./patience.js";
import { type PipeGatewayOptions, type ResolvedPipeOptions, resolvePipeOptions } from "./pipe-options.js";
import type { ClientStatus, GatewayCloseReport, GatewayPhase, GatewayStatus } from "./status.js";

/**
 * Makes a gateway on `node`; nothing is opened before `start()`.
 *
 * @throws InvalidOptionsError listing every fault.
 */
export function pipeGateway(node: StreamOpener, options: PipeGatewayOptions): PipeGateway {
  return new Piping(node, resolvePipeOptions(options));
}

/** A gateway in stream mode. `await using` closes it. */
export interface PipeGateway extends AsyncDisposable {
  /**
   * Opens all ports; the node should be started, or the first clients find no backend.
   *
   * @throws Error with the system's `code` when one cannot be opened; the others are closed then.
   */
  start(): Promise<this>;
  status(): GatewayStatus;
  /** The clients at present. */
  clients(): ClientStatus[];
  /** Takes no more clients and waits for those that are there to end; after `timeoutMs`, default 10,000, they are told goodbye. */
  close(options?: { timeoutMs?: number | undefined }): Promise<GatewayCloseReport>;
  /** Says goodbye to all clients at once; `reason` stands in their events. */
  destroy(reason?: string): void;
}

/** How long connections that were cut have to go. */
const CUT_TIMEOUT_MS = 6_000;

class Piping implements PipeGateway, SessionHost {
  readonly node: StreamOpener;
  readonly options: ResolvedPipeOptions;
  readonly #own: AddressText;
  readonly #limits: ClientLimits;
  readonly #seldom: Seldom;
  readonly #sessions = new Set<ClientSession>();
  readonly #refused = newRefusalCounts();
  readonly #closed = newCloseCounts();
  #phase: GatewayPhase = "new";
  #listening: Listening[] = [];
  #starting: Promise<unknown> | undefined;
  #closing: Promise<GatewayCloseReport> | undefined;
  #empty: Deferred<void> | undefined;
  #lookTimer: TimerHandle | undefined;
  #nextId = 1;
  #accepted = 0;
  #streams = 0;
  #retries = 0;
  /** Of clients that have gone. */
  #pastBytesIn = 0;
  #pastBytesOut = 0;

  constructor(node: StreamOpener, options: ResolvedPipeOptions) {
    this.node = node;
    this.options = options;
    this.#own = formatAddress(node.address);
    this.#limits = new ClientLimits(options);
    this.#seldom = new Seldom(options.clock);
  }

  async start(): Promise<this> {
    if (this.#phase !== "new") throw new Error("this gateway was started or closed before: make a new one");
    this.#phase = "starting";
    const starting = this.#open();
    this.#starting = starting.catch(() => {}); // told to whoever started it
    await starting;
    return this;
  }

  status(): GatewayStatus {
    let bytesIn = this.#pastBytesIn;
    let bytesOut = this.#pastBytesOut;
    let opening = 0;
    for (const session of this.#sessions) {
      bytesIn += session.bytesIn;
      bytesOut += session.bytesOut;
      if (session.phase === "accepting" || session.phase === "opening") opening++;
    }
    return {
      phase: this.#phase,
      clients: this.#limits.clients,
      addresses: this.#limits.addresses,
      opening,
      accepted: this.#accepted,
      streams: this.#streams,
      retries: this.#retries,
      bytesIn,
      bytesOut,
      refused: { ...this.#refused },
      closed: { ...this.#closed },
      listeners: this.#listening.map(({ transport, endpoint, refused, counters = {} }) => {
        return { transport, endpoint: formatEndpoint(endpoint), refused, counters };
      }),
    };
  }

  clients(): ClientStatus[] {
    return Array.from(this.#sessions, (session) => session.status());
  }

  close({ timeoutMs = 10_000 }: { timeoutMs?: number | undefined } = {}): Promise<GatewayCloseReport> {
    this.#closing ??= this.#shutDown(timeoutMs);
    return this.#closing;
  }

  destroy(reason = "the gateway was destroyed"): void {
    this.#closing ??= this.#shutDown(0);
    this.#cut(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  onOpened(session: ClientSession, stream: BackendStream): void {
    this.#streams++;
    if (!gatewayEvents.hasSubscribers) return;
    gatewayEvents.publish({ type: "opened", ...this.#factsOf(session), peer: formatAddress(stream.peer) });
  }

  onRetry(): void {
    this.#retries++;
  }

  onAcceptFailed(error: unknown): void {
    this.#seldom.say("accept", (addition) => this.options.logger.warn({ err: error }, `accept() failed: ${messageOf(error)}${addition}`));
  }

  onClosed(session: ClientSession, { cause, reason }: SessionEnd): void {
    const { bytesIn, bytesOut, client } = session;
    this.#sessions.delete(session);
    this.#limits.leave(client.remoteAddress);
    this.#pastBytesIn += bytesIn;
    this.#pastBytesOut += bytesOut;
    this.#closed[cause]++;
    if (gatewayEvents.hasSubscribers) {
      const openMs = this.options.clock.now() - session.openedAt;
      gatewayEvents.publish({ type: "closed", ...this.#factsOf(session), cause, reason, openMs, bytesIn, bytesOut });
    }
    if (this.#sessions.size > 0) return;
    this.#stopLooking();
    this.#empty?.resolve();
  }

  async #open(): Promise<void> {
    try {
      for (const listener of this.options.listen) this.#listening.push(await this.#listen(listener));
    } catch (error) {
      this.#phase = "closed";
      this.#closing ??= Promise.resolve({ clientsCut: 0 });
      for (const listening of this.#listening) listening.destroy();
      throw error;
    }
    if (this.#phase === "starting") this.#phase = "running";
  }

  #listen(listener: Listener): Promise<Listening> {
    return listener.listen((client) => this.#take(client), {
      bufferBytes: this.options.bufferBytes,
      admit: (remoteAddress) => this.#admit(remoteAddress, listener.transport),
      onRefused: (cause, remoteAddress, reason) => this.#sayRefused(listener.transport, remoteAddress, cause, reason),
    });
  }

  /** What stands against one more client, counted. */
  #admit(remoteAddress: string, transport: string): Goodbye | undefined {
    const isOpen = this.#phase === "running" || this.#phase === "starting";
    const cause: RefusalCause | undefined = isOpen ? this.#limits.faultOf(remoteAddress) : "closing";
    if (cause === undefined) return undefined;
    this.#refused[cause]++;
    const goodbye = goodbyeFor(cause);
    this.#sayRefused(transport, remoteAddress, cause, goodbye.text);
    return goodbye;
  }

  #take(client: ClientConnection): void {
    // Handshakes have gone on since the listener asked: the last place may be taken by now.
    const goodbye = this.#admit(client.remoteAddress, client.transport);
    if (goodbye !== undefined) {
      client.stream.on("error", () => {}); // it is refused, whatever becomes of it
      return client.abort(goodbye);
    }
    this.#limits.enter(client.remoteAddress);
    this.#accepted++;
    const session = new ClientSession(this.#nextId++, client, this);
    this.#sessions.add(session);
    this.#lookLater();
    session.start();
  }

  #lookLater(): void {
    if (this.#lookTimer !== undefined) return;
    const { clock, idleTimeoutMs, firstByteTimeoutMs, stallTimeoutMs, acceptTimeoutMs, openTimeoutMs } = this.options;
    const intervalMs = lookIntervalMs([idleTimeoutMs, firstByteTimeoutMs, stallTimeoutMs, acceptTimeoutMs, openTimeoutMs]);
    this.#lookTimer = clock.setTimeout(() => {
      this.#lookTimer = undefined;
      const now = clock.now();
      for (const session of this.#sessions) session.look(now);
      if (this.#sessions.size > 0) this.#lookLater();
    }, intervalMs);
  }

  #stopLooking(): void {
    if (this.#lookTimer !== undefined) this.options.clock.clearTimeout(this.#lookTimer);
    this.#lookTimer = undefined;
  }

  async #shutDown(timeoutMs: number): Promise<GatewayCloseReport> {
    const { clock } = this.options;
    if (this.#phase === "starting") {
      this.#phase = "closing";
      await this.#starting;
    }
    this.#phase = "closing";
    // Their ports close now. That they wait for the clients is no matter: those are ended here.
    const ports = this.#listening.map((listening) => listening.close({ timeoutMs: timeoutMs + 2 * CUT_TIMEOUT_MS }));
    if (timeoutMs > 0) await within(this.#whenEmpty(), timeoutMs, clock);
    const clientsCut = this.#sessions.size;
    this.#cut("the gateway was closed");
    if (!(await within(this.#whenEmpty(), CUT_TIMEOUT_MS, clock))) for (const listening of this.#listening) listening.destroy();
    await Promise.all(ports);
    this.#stopLooking();
    this.#phase = "closed";
    return { clientsCut };
  }

  #cut(reason: string): void {
    for (const session of this.#sessions) session.fail("closing", reason);
  }

  #whenEmpty(): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    this.#empty ??= new Deferred();
    return this.#empty.promise;
  }

  #factsOf({ id, client: { transport, remoteAddress } }: ClientSession) {
    return { node: this.#own, id, transport, remote: remoteAddress } as const;
  }

  #sayRefused(transport: string, remote: string, cause: string, reason: string): void {
    if (gatewayEvents.hasSubscribers) gatewayEvents.publish({ type: "refused", node: this.#own, transport, remote, cause, reason });
  }
}
