/** The life of a node: the phases it goes through, and what it does on the way from one to the next. */
import { type Endpoint, formatEndpoint } from "../addr/endpoint.js";
import { type AddressText, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { StartError } from "../errors.js";
import { nodeEvents } from "../events/channels.js";
import type { Connection, Listener } from "../transport/transport.js";
import { EarlyConnections } from "./early-connections.js";
import { type Leave, leave } from "./leave.js";
import type { CloseReport, StartOptions } from "./lifecycle-options.js";
import { FLUSH_TIMEOUT_MS, type NodeParts } from "./node-parts.js";
import type { OwnEntries } from "./own-entries.js";
import { findPlace, joinHarbors, listen, newerHolder, refuseIfTaken, register, type Starting, throwIfAborted } from "./start.js";
import type { NodePhase } from "./status.js";

const NOTHING_CUT: CloseReport = Object.freeze({ timedOut: false, callsCut: 0, requestsCut: 0, messagesLost: 0, streamsCut: 0 });

/** Nothing is waited for. */
const NO_TIME: Leave = Object.freeze({ timedOut: false, leftMs: 0 });

export class Lifecycle {
  readonly #parts: NodeParts;
  readonly #entries: OwnEntries;
  readonly #onClosed: () => void;
  readonly #abortStart = new AbortController();
  readonly #early: EarlyConnections;
  #phase: NodePhase = "new";
  #upSince: number | undefined;
  #listener: Listener | undefined;
  /** Settles when `start()` does. */
  #starting: Promise<unknown> | undefined;
  #closing: Promise<CloseReport> | undefined;
  /** What `destroy()` left to end on its own. */
  #ended: Promise<unknown> | undefined;

  /** @param onClosed - the node has entered its last phase; called once. */
  constructor(parts: NodeParts, entries: OwnEntries, onClosed: () => void) {
    const { limits, members, options } = parts;
    const { address, link, logger } = options;
    this.#parts = parts;
    this.#entries = entries;
    this.#onClosed = onClosed;
    this.#early = new EarlyConnections(link.maxOpenings, limits);
    members.onChange(({ removed }) => {
      if (removed.some((member) => member.address === address) && this.#phase === "running") {
        logger.warn({}, `${this.#own} is no longer in discovery: others cannot find it; links that stand stay`);
      }
    });
  }

  get phase(): NodePhase {
    return this.#phase;
  }

  /** When the node was up, by its own clock; `undefined` before. */
  get upSince(): number | undefined {
    return this.#upSince;
  }

  /** Where the node listens, once it does. */
  get endpoint(): Endpoint | undefined {
    return this.#listener?.endpoint;
  }

  /** See `ClusterNode.start`. */
  async start(options: StartOptions): Promise<void> {
    if (this.#phase !== "new") throw new StartError("CLOSED", `${this.#own} was started or closed before: make a new node`);
    this.#enter("starting");
    const starting = this.#startOrEnd(options);
    this.#starting = starting;
    await starting;
  }

  /** See `ClusterNode.close`. */
  close(timeoutMs: number): Promise<CloseReport> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  /** Ends everything at once. */
  destroy(reason: string): void {
    if (this.#ended !== undefined) return;
    const { harbors, links, members, options, streams } = this.#parts;
    this.#enter("closed");
    this.#giveUpStarting();
    this.#parts.cutCalls(reason);
    links.destroy(new Error(reason));
    streams.sessions.destroy(new Error(reason));
    this.#early.drop();
    const timeoutMs = FLUSH_TIMEOUT_MS;
    this.#ended = Promise.all([
      this.#listener?.close(),
      streams.sessions.close(0), // their last words are leaving
      members.close({ timeoutMs }),
      harbors.close({ timeoutMs }),
    ]).catch((err: unknown) => options.logger.warn({ err }, `${this.#own} did not end cleanly`));
  }

  /** A newer incarnation of this address is alive: this one must not go on beside it. */
  onReplaced(by: LogicalAddress, text: string): void {
    if (this.#phase === "closed") return;
    if (nodeEvents.hasSubscribers) nodeEvents.publish({ type: "replaced", node: this.#own, reason: text });
    this.#parts.options.logger.error({ by: formatAddress(by) }, `${this.#own} was replaced: ${text}; this node stops`);
    this.destroy(`${this.#own} was replaced by a newer incarnation: ${text}`);
  }

  async #startOrEnd({ timeoutMs = 10_000, signal }: StartOptions): Promise<void> {
    const { identity, keyring, members, options } = this.#parts;
    const abort = this.#abortStart;
    const onAbort = (): void => abort.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = options.clock.setTimeout(
      () => abort.abort(new StartError("TIMEOUT", `${this.#own} did not start within ${timeoutMs} ms`)),
      timeoutMs + 100,
      true, // or a process in which nothing else is open yet would end without a word
    );
    try {
      await this.#start({ options, members, identity, keyring, signal: abort.signal, timeoutMs });
    } catch (error) {
      await this.#shutDown(0);
      throw error;
    } finally {
      options.clock.clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #start(starting: Starting): Promise<void> {
    const { harbors, links, members, options, router } = this.#parts;
    const place = await findPlace(starting);
    const holder = place.type === "configured" ? place.member : place.stale;
    if (holder !== undefined) await refuseIfTaken(starting, holder.endpoint);
    throwIfAborted(starting);
    this.#listener = await listen(starting, place, (connection) => this.#onConnection(connection));
    throwIfAborted(starting);
    const { endpoint } = this.#listener;
    const beforeRenewal = (): Promise<void> => this.#yieldToNewer(starting);
    if (place.type === "registering") {
      // When the store loses the entry it is registered anew; the node stays the incarnation that it started as.
      const token = await register(starting, endpoint, beforeRenewal);
      this.#entries.add(members);
      if (token !== undefined) this.#parts.setIncarnation(token);
    }
    throwIfAborted(starting);
    if (harbors !== members && (await joinHarbors(starting, harbors, endpoint, beforeRenewal))) this.#entries.add(harbors);
    throwIfAborted(starting);
    router.open();
    this.#upSince = options.clock.now();
    this.#enter("running");
    for (const connection of this.#early.release()) links.accept(connection);
    options.logger.info({ endpoint: formatEndpoint(endpoint) }, `${this.#own} is up`);
  }

  #onConnection(connection: Connection): void {
    if (this.#phase === "starting") this.#early.hold(connection);
    else this.#parts.links.accept(connection);
  }

  /**
   * The store lost this node's entry, to another process of this address perhaps: two that both live must not take it
   * from each other for ever. The older one stops.
   */
  async #yieldToNewer(starting: Starting): Promise<void> {
    const holder = await newerHolder(starting);
    if (holder === undefined) return;
    const { address, incarnation: own } = this.#parts.identity;
    this.onReplaced(address, `incarnation ${holder.incarnation} answers at ${holder.endpoint}, newer than ${own}`);
  }

  async #close(timeoutMs: number): Promise<CloseReport> {
    if (this.#phase === "starting") {
      this.#giveUpStarting();
      await this.#starting?.catch(() => {}); // told to whoever started it; it has ended everything
      return NOTHING_CUT;
    }
    if (this.#phase === "closed") {
      await this.#ended;
      return NOTHING_CUT;
    }
    return await this.#shutDown(this.#phase === "running" ? timeoutMs : 0);
  }

  async #shutDown(timeoutMs: number): Promise<CloseReport> {
    const { harbors, links, local, members, streams, tally } = this.#parts;
    if (this.#phase !== "closed") this.#enter("closing");
    this.#giveUpStarting();
    const { timedOut, leftMs } = timeoutMs > 0 ? await leave(this.#parts, this.#entries, timeoutMs) : NO_TIME;
    await local.delivered();
    const lostBefore = tally.messagesLost;
    const { callsCut, requestsCut } = this.#parts.cutCalls(`${this.#own} was closed`);
    const streamsCut = await streams.sessions.close(leftMs);
    this.#enter("closed");
    this.#early.drop();
    await Promise.all([links.close(FLUSH_TIMEOUT_MS), this.#listener?.close(), members.close(), harbors.close()]);
    const messagesLost = tally.messagesLost - lostBefore;
    return { timedOut: timedOut || (streamsCut > 0 && timeoutMs > 0), callsCut, requestsCut, messagesLost, streamsCut };
  }

  /** Without effect on a node that is up. */
  #giveUpStarting(): void {
    this.#abortStart.abort(new StartError("CLOSED", `${this.#own} was closed while it started`));
  }

  /** The only assignment of `#phase`. */
  #enter(phase: NodePhase): void {
    const previous = this.#phase;
    if (phase === previous) return;
    this.#phase = phase;
    if (phase === "closed") this.#onClosed();
    if (nodeEvents.hasSubscribers) nodeEvents.publish({ type: "phase", node: this.#own, phase, previous });
  }

  get #own(): AddressText {
    return formatAddress(this.#parts.options.address);
  }
}
