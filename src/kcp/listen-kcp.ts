/** Sessions of everybody who knows the port: one socket for all. */
import { type Endpoint, parseEndpoint } from "../addr/endpoint.js";
import { Deferred } from "../internal/deferred.js";
import { Admission, type Refusal } from "./admission.js";
import type { Farewell } from "./afterlife.js";
import { Conversation } from "./conversation.js";
import { ConversationTable, type TableOwner } from "./conversation-table.js";
import { type DatagramHandler, DatagramSocket, type Remote } from "./datagram-socket.js";
import { KcpCore } from "./kcp-core.js";
import { type KcpCounters, newCounters } from "./kcp-counters.js";
import { KcpError } from "./kcp-error.js";
import { type KcpListenOptions, type ResolvedListenOptions, resolveListenOptions } from "./kcp-options.js";
import { KcpSession } from "./kcp-session.js";
import { addressesOf } from "./resolve-host.js";
import { conversationOf, datagramFault, resetDatagram } from "./segment.js";
import type { SessionHost } from "./session-host.js";
import { whatStrangerWants } from "./stranger.js";

const CLOSE_TIMEOUT_MS = 10_000;

/** Hears about each session when its first bytes are there to be read. */
export type SessionHandler = (session: KcpSession) => void;

/** A socket that takes sessions. `await using` closes it. */
export interface KcpListener extends AsyncDisposable {
  /** Where it listens; the real port when 0 was asked for. */
  readonly endpoint: Endpoint;
  /** Sessions at present, those that the application has not heard of yet included. */
  readonly sessions: number;
  /** Those of them whose peer has not proved its address. */
  readonly unprovenSessions: number;
  /**
   * Bytes of memory that the system has given for datagrams which wait to be read; past them it drops, and tells nobody. On
   * Linux it is twice `receiveBufferBytes` unless that is more than it allows (`net.core.rmem_max`). 0 when it is closed.
   */
  readonly receiveBufferBytes: number;
  /** A copy of what was counted until now. */
  readonly counters: Readonly<KcpCounters>;
  /** Takes no new sessions, and closes the socket when those that are open have ended; after `timeoutMs`, default 10,000, they are destroyed. */
  close(options?: { timeoutMs?: number | undefined }): Promise<void>;
  /** Destroys all sessions, with `CLOSED`, and closes the socket. */
  destroy(): void;
}

/**
 * Listens for KCP sessions. A session begins with its peer's first datagram; KCP has no handshake.
 *
 * @throws InvalidOptionsError for wrong options; Error with the system's `code` (EADDRINUSE, EACCES, ...).
 */
export async function listenKcp(options: KcpListenOptions, onSession: SessionHandler): Promise<KcpListener> {
  const resolved = resolveListenOptions(options);
  const { host, port } = parseEndpoint(resolved.listen);
  const [address] = await addressesOf(host);
  const listening = new Listening(resolved, onSession);
  await listening.open({ host: address!, port });
  return listening;
}

class Listening implements KcpListener, DatagramHandler, TableOwner, SessionHost {
  readonly #options: ResolvedListenOptions;
  readonly #onSession: SessionHandler;
  readonly #admission: Admission;
  readonly #counters = newCounters();
  readonly #unproven = new Set<Conversation>();
  #socket!: DatagramSocket;
  #table!: ConversationTable;
  #phase: "open" | "closing" | "closed" = "open";
  readonly #closed = new Deferred<void>();

  constructor(options: ResolvedListenOptions, onSession: SessionHandler) {
    this.#options = options;
    this.#onSession = onSession;
    this.#admission = new Admission(options);
  }

  get endpoint(): Endpoint {
    return this.#socket.endpoint;
  }

  get sessions(): number {
    return this.#admission.sessions;
  }

  get unprovenSessions(): number {
    return this.#admission.unproven;
  }

  get receiveBufferBytes(): number {
    return this.#phase === "closed" ? 0 : this.#socket.receiveBufferBytes;
  }

  get counters(): Readonly<KcpCounters> {
    return { ...this.#counters };
  }

  async close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number | undefined } = {}): Promise<void> {
    if (this.#phase === "open") {
      this.#phase = "closing";
      const timer = this.#options.clock.setTimeout(() => this.destroy(), timeoutMs, true);
      this.#closed.promise.then(() => this.#options.clock.clearTimeout(timer));
      this.#closeIfEmpty();
    }
    return this.#closed.promise;
  }

  destroy(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closing";
    for (const conversation of [...this.#table.conversations]) {
      conversation.core.fail(new KcpError("CLOSED", "the listener was closed"));
      this.onFailure(conversation);
    }
    this.#closeIfEmpty();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async open(endpoint: Endpoint): Promise<void> {
    this.#socket = await DatagramSocket.bind(endpoint, this.#options.receiveBufferBytes, this);
    this.#table = new ConversationTable(this.#socket, this.#options.clock, this.#counters, this);
  }

  onDatagram(datagram: Buffer, remote: Remote): void {
    if (this.#phase === "closed") return;
    this.#counters.datagramsIn++;
    this.#counters.bytesIn += datagram.length;
    const number = conversationOf(datagram);
    if (number === undefined) return this.#table.count("short");
    const key = `${number}/${remote.port}/${remote.address}`;
    const conversation = this.#table.get(key);
    if (conversation !== undefined) return this.#table.input(conversation, datagram);
    const fault = datagramFault(datagram, number, datagram.length);
    if (fault === undefined) this.#inputOfStranger(key, number, datagram, remote);
    else this.#table.count(fault);
  }

  /** What the system could not send is lost, as on the path. */
  onError(): void {
    this.#counters.sendErrors++;
  }

  onInput(conversation: Conversation): void {
    const { core } = conversation;
    if (core.isProven && this.#unproven.delete(conversation)) this.#admission.proven();
    if (conversation.user !== undefined || !(core.isReadable || core.hasEnded)) return;
    this.#counters.sessions++;
    this.#onSession(new KcpSession(conversation, this.#options, this));
  }

  onFailure(conversation: Conversation): void {
    this.#counters.failed++;
    if (conversation.user !== undefined) conversation.user.onProgress();
    else this.leave(conversation, this.#options.tellEnds ? "reset" : "nothing");
  }

  touch(conversation: Conversation): void {
    this.#table.touch(conversation);
  }

  leave(conversation: Conversation, farewell: Farewell): void {
    this.#table.remove(conversation, farewell);
    this.#admission.leave(conversation.remote.address, !this.#unproven.delete(conversation));
    this.#closeIfEmpty();
  }

  /** A datagram of no session: it begins one, or it is late, or it is noise. */
  #inputOfStranger(key: string, number: number, datagram: Buffer, remote: Remote): void {
    const { afterlife } = this.#table;
    if (afterlife.has(key, this.#options.clock.now())) return this.#answer(afterlife.answer(key, datagram), remote);
    const wish = whatStrangerWants(datagram);
    if (wish.type === "open" && this.#phase === "open") return this.#open(key, number, datagram, remote);
    this.#counters.unknown++;
    if (wish.type === "go-on" && this.#options.tellEnds) this.#answer(resetDatagram(number, wish.sequence), remote);
  }

  #open(key: string, number: number, datagram: Buffer, remote: Remote): void {
    const refusal = this.#admission.enter(remote.address);
    if (refusal !== undefined) return this.#refused(refusal);
    const { clock, random } = this.#options;
    const now = clock.now();
    const timestampOffset = Buffer.from(random.bytes(4)).readUInt32LE();
    const core = new KcpCore(number, this.#options, { now, timestampOffset, isProven: false });
    const conversation = new Conversation(key, core, remote, this.#options, now);
    this.#unproven.add(conversation);
    this.#table.add(conversation);
    this.#table.input(conversation, datagram);
  }

  #refused(refusal: Refusal): void {
    if (refusal === "sessions") this.#counters.refusedSessions++;
    else if (refusal === "host") this.#counters.refusedPerHost++;
    else this.#counters.refusedUnproven++;
  }

  /** Never more bytes than the datagram had that is answered. */
  #answer(datagram: Buffer | undefined, remote: Remote): void {
    if (datagram === undefined) return;
    this.#counters.answers++;
    this.#table.send(datagram, remote);
  }

  #closeIfEmpty(): void {
    if (this.#phase !== "closing" || this.#table.size > 0) return;
    this.#phase = "closed";
    this.#table.close();
    this.#socket.close();
    this.#closed.resolve();
  }
}
