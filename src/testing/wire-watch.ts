/**
 * Looks at every byte that a node writes, frame by frame, on its way into the network: what goes onto a connection must
 * keep the order that is promised, and what was on it when it is lost must be told at once.
 */

import type { Endpoint } from "../addr/endpoint.js";
import { addressGroup, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import { isOrdered } from "../link/large-messages.js";
import type { Connection, ConnectionHandler, Listener, PeerIdentity, Transport } from "../transport/transport.js";
import { FRAGMENT_HEAD_BYTES } from "../wire/fragment.js";
import { decodeHeader, FLAGS, type FrameHeader, getU32, KIND, seqBefore } from "../wire/header.js";
import { decodeHello, PURPOSE, RECORD } from "../wire/hello.js";
import { HEADER_BYTES, PREFACE } from "../wire/limits.js";
import { decodeMetadata } from "../wire/metadata.js";
import type { Entry, Ledger } from "./ledger.js";
import type { RelayWatch } from "./relay-watch.js";
import type { SimProcess } from "./sim-process.js";
import type { Trace } from "./trace.js";
import type { VirtualClock } from "./virtual-clock.js";

/** In place of the offset of a fragment that takes its message back. */
const NOWHERE = -1;

/** A call whose connection is lost must have ended so many milliseconds later. */
const LOSS_TOLERANCE_MS = 2;

/** A call whose connection is lost behind a harbor: the harbor's word has a way to go. */
const GONE_TOLERANCE_MS = 1_000;

const KIND_NAMES = new Map<number, string>(Object.entries(KIND).map(([name, kind]) => [kind, name]));

export interface WireWatch {
  readonly world: VirtualClock;
  readonly ledger: Ledger;
  readonly trace: Trace;
  violated(what: string): void;
  /** The process that runs on a host. */
  processOn(host: string): SimProcess | undefined;
  /** Connections that each process has open. */
  readonly connections: Map<SimProcess, Set<WatchedConnection>>;
  /** Pairs `from to` of processes of which the first has said go-away to the second. */
  readonly leaving: Set<string>;
  /** What harbors pass on. */
  readonly relays: RelayWatch;
  /** Whether the node of a process is up and has not begun to close. */
  isUp(process: SimProcess): boolean;
  /** Whether anything was or is broken that could hold up a harbor's word said at `since`. */
  isDisturbed(since: number): boolean;
  /** Runs code of the process. */
  enter(process: SimProcess, code: () => void): void;
}

/** `transport`, with all of `process`'s connections watched. */
export function watchedTransport(transport: Transport, process: SimProcess, watch: WireWatch): Transport {
  return {
    dial: async (endpoint: Endpoint, signal: AbortSignal): Promise<Connection> =>
      new WatchedConnection(await transport.dial(endpoint, signal), process, watch, "dialer"),
    listen: (endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listener> =>
      transport.listen(endpoint, (connection) =>
        watch.enter(process, () => onConnection(new WatchedConnection(connection, process, watch, "acceptor"))),
      ),
  };
}

export class WatchedConnection implements Connection {
  readonly peer: SimProcess | undefined;
  /** When this side ended it in order. */
  #endedAt: number | undefined;
  readonly #inner: Connection;
  readonly #process: SimProcess;
  readonly #watch: WireWatch;
  readonly #outgoing: OutgoingFrames;
  #lost = false;

  constructor(inner: Connection, process: SimProcess, watch: WireWatch, side: "dialer" | "acceptor") {
    this.#inner = inner;
    this.#process = process;
    this.#watch = watch;
    this.peer = watch.processOn(inner.remote.slice(0, inner.remote.lastIndexOf(":")));
    this.#outgoing = new OutgoingFrames(process, watch, side, {
      accepting: () => this.#onAccepting(),
      goingAway: () => this.peer !== undefined && watch.leaving.add(`${process.serial} ${this.peer.serial}`),
    });
    const open = watch.connections.get(process) ?? new Set();
    watch.connections.set(process, open.add(this));
  }

  /** Whether it carries new messages, or did so until this very moment. */
  get isInUse(): boolean {
    const { carriesFrames, hasGoneAway } = this.#outgoing;
    if (hasGoneAway || (this.peer !== undefined && this.#watch.leaving.has(`${this.peer.serial} ${this.#process.serial}`))) return false;
    return carriesFrames && !this.#lost && (this.#endedAt === undefined || this.#endedAt === this.#watch.world.now());
  }

  /** This side takes the other's connection: not in the place of one to a newer incarnation, unless that was found dead. */
  #onAccepting(): void {
    const { peer } = this;
    if (peer === undefined || peer.address === this.#process.address) return; // who asks after its own address is only told
    for (const { isInUse, peer: other } of this.#watch.connections.get(this.#process) ?? []) {
      if (isInUse && other !== undefined && other.address === peer.address && other.serial > peer.serial)
        this.#watch.violated(
          `${this.#process.name} takes a connection of ${peer.name} in the place of its connection to the newer ${other.name}`,
        );
    }
  }

  get remote(): string {
    return this.#inner.remote;
  }

  get isLoopback(): boolean {
    return this.#inner.isLoopback;
  }

  get identity(): PeerIdentity | undefined {
    return this.#inner.identity;
  }

  get channelBinding(): Uint8Array | undefined {
    return this.#inner.channelBinding;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  setHandler(handler: ConnectionHandler): void {
    this.#inner.setHandler({
      onData: (chunk) => this.#watch.enter(this.#process, () => handler.onData(chunk)),
      onDrain: () => this.#watch.enter(this.#process, () => handler.onDrain()),
      onClose: (error) => {
        this.#onLost();
        this.#watch.enter(this.#process, () => handler.onClose(error));
      },
    });
  }

  write(bytes: Uint8Array): boolean {
    this.#outgoing.push(bytes);
    return this.#inner.write(bytes);
  }

  end(): void {
    this.#endedAt ??= this.#watch.world.now();
    this.#inner.end();
  }

  destroy(error?: Error): void {
    this.#onLost();
    this.#inner.destroy(error);
  }

  /** Calls that wait for replies over it. */
  get waiting(): Entry[] {
    return this.#outgoing.calls.map((id) => this.#watch.ledger.entries[id]!).filter(isWaiting);
  }

  /** Calls of others that wait for replies over it. */
  get relayed(): Entry[] {
    return this.#outgoing.relayedCalls.map((id) => this.#watch.ledger.entries[id]!).filter(isWaiting);
  }

  /** A harbor that goes on tells all whose calls it had passed on over it. */
  #expectGone(): void {
    const { isDisturbed, isUp, world } = this.#watch;
    const harbor = this.#process;
    const calls = this.relayed;
    const since = world.now();
    if (calls.length === 0 || !isUp(harbor)) return;
    world.setTimeout(() => {
      const waiting = calls.find((call) => isWaiting(call) && isUp(call.placing.by));
      if (waiting === undefined || !isUp(harbor) || isDisturbed(since)) return;
      this.#watch.violated(
        `${harbor.name} lost the connection over which it had passed call #${waiting.id} on, and nobody told the caller`,
      );
    }, GONE_TOLERANCE_MS);
  }

  /** No reply can come any more: who waits for one is told now, not when its deadline is over. */
  #onLost(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#watch.connections.get(this.#process)?.delete(this);
    const { world } = this.#watch;
    const process = this.#process;
    this.#expectGone();
    const calls = this.waiting;
    if (calls.length === 0) return;
    world.setTimeout(() => {
      if (process.clock.state !== "running" || process.resumedAt === world.now()) return;
      const waiting = calls.find(isWaiting);
      if (waiting !== undefined) this.#watch.violated(`the connection of call #${waiting.id} was lost, and ${process.name} was not told`);
    }, LOSS_TOLERANCE_MS);
  }
}

/** A picker's call may be under way to another node by now. */
function isWaiting({ placing, settled }: Entry): boolean {
  return !settled && placing.to !== undefined;
}

interface Fragmented {
  readonly seq: number;
  readonly call: number | undefined;
}

interface OutgoingEvents {
  /** This side takes the connection. */
  accepting(): void;
  /** This side takes no more work over it. */
  goingAway(): void;
}

/** The frames in what one end writes. */
class OutgoingFrames {
  /** Calls whose requests are wholly on this connection. */
  readonly calls: number[] = [];
  readonly #process: SimProcess;
  readonly #watch: WireWatch;
  readonly #side: "dialer" | "acceptor";
  readonly #events: OutgoingEvents;
  #goneAway = false;
  #hasFrames = false;
  #phase: "preface" | "records" | "frames" | "over" = "preface";
  /** It carries streams, whose bytes say nothing of messages. */
  #isForStreams = false;
  #rest: Buffer = Buffer.alloc(0);
  /** By target, of requests and one-way messages. */
  readonly #lastSeq = new Map<number, number>();
  readonly #requests = new Set<string>();
  readonly #fragmented = new Map<number, Fragmented>();
  /** Calls of others whose requests were wholly passed on over this connection. */
  readonly relayedCalls: number[] = [];
  /** Of others' large requests under way: the call, by sender, its life, and number. */
  readonly #relayedFragmented = new Map<string, number>();

  constructor(process: SimProcess, watch: WireWatch, side: "dialer" | "acceptor", events: OutgoingEvents) {
    this.#process = process;
    this.#watch = watch;
    this.#side = side;
    this.#events = events;
  }

  /** Whether it was accepted. A dialer that has proved itself learns that later: it knows when it sends frames. */
  get carriesFrames(): boolean {
    return this.#side === "acceptor" ? this.#phase === "frames" : this.#hasFrames;
  }

  /** Whether this side has said go-away. */
  get hasGoneAway(): boolean {
    return this.#goneAway;
  }

  push(bytes: Uint8Array): void {
    if (this.#phase === "over") return;
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    const all = this.#rest.length === 0 ? view : Buffer.concat([this.#rest, view]);
    for (;;) {
      const length = this.#lengthAt(all, at);
      if (length === undefined || at + length > all.length) break;
      this.#take(all, at, at + length);
      at += length;
    }
    this.#rest = at === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(at));
  }

  #lengthAt(all: Buffer, at: number): number | undefined {
    switch (this.#phase) {
      case "preface":
        return PREFACE.length;
      case "records":
        return all.length - at < 3 ? undefined : 3 + all.readUInt16BE(at + 1);
      case "frames":
        return all.length - at < 4 ? undefined : 4 + getU32(all, at);
      case "over":
        return undefined;
    }
  }

  #take(all: Buffer, start: number, end: number): void {
    if (this.#phase === "preface") {
      this.#phase = "records";
    } else if (this.#phase === "records") {
      const type = all[start]!;
      if (type === RECORD.hello) this.#isForStreams = decodeHello(all.subarray(start + 3, end)).purpose === PURPOSE.streams;
      if (type === RECORD.refused) this.#phase = "over";
      else if (this.#side === "dialer" ? type === RECORD.proof : type === RECORD.accepted)
        this.#phase = this.#isForStreams ? "over" : "frames";
      if (type === RECORD.accepted) this.#events.accepting();
    } else {
      this.#frame(all, start, end);
    }
  }

  #frame(all: Buffer, start: number, end: number): void {
    const header = decodeHeader(all, start);
    const { flags, kind, seq, to } = header;
    this.#hasFrames = true;
    const { name } = this.#process;
    if (header.from !== this.#process.address) return this.#relayedFrame(header, all, start + HEADER_BYTES, end);
    if (kind === KIND.fragment) return this.#fragment(header, all, start + HEADER_BYTES, end);
    if (kind !== KIND.ping && kind !== KIND.pong)
      this.#watch.trace.add(name, ">", formatAddress(to as LogicalAddress), KIND_NAMES.get(kind), seq);
    if (kind === KIND.goAway) {
      this.#goneAway = true;
      this.#events.goingAway();
    }
    if (kind === KIND.cancel && !this.#requests.has(`${to} ${seq}`))
      this.#violated(header, "cancels a request that was not sent before it");
    if (!isOrdered(kind)) return;
    this.#checkOrder(header);
    if (kind !== KIND.request) return;
    this.#requests.add(`${to} ${seq}`);
    const call = (flags & FLAGS.metadata) === 0 ? undefined : callIn(this.#watch.ledger, all, start + HEADER_BYTES, end);
    if (call !== undefined) this.calls.push(call);
  }

  /** A harbor says it for somebody else. */
  #relayedFrame(header: FrameHeader, all: Buffer, start: number, end: number): void {
    const { name } = this.#process;
    const isFragment = header.kind === KIND.fragment;
    const kind = isFragment ? all[start]! : header.kind;
    const isAbort = isFragment && (header.flags & FLAGS.abort) !== 0;
    const offset = isAbort ? NOWHERE : isFragment ? getU32(all, start + 8) : 0;
    const { relays, trace } = this.#watch;
    const piece = isFragment ? `fragment at ${offset} of` : "";
    trace.add(name, ">>", pairOf(header), piece, KIND_NAMES.get(kind), header.seq);
    const fault = relays.faultOf(this.#process, { header, kind, offset });
    if (fault !== undefined) this.#violated(header, fault);
    if (!isOrdered(kind) || isAbort) return;
    if (offset === 0) this.#checkRelayOrder(header);
    if (kind === KIND.request) this.#noteRelayedCall(header, all, start, end, isFragment, offset);
  }

  #noteRelayedCall(header: FrameHeader, all: Buffer, start: number, end: number, isFragment: boolean, offset: number): void {
    const { epoch, flags, from, seq } = header;
    const at = isFragment ? start + FRAGMENT_HEAD_BYTES : start;
    const isMarked = ((isFragment ? all[start + 1]! : flags) & FLAGS.metadata) !== 0;
    const key = `${from} ${epoch} ${seq}`;
    let call = this.#relayedFragmented.get(key);
    if (offset === 0) call = isMarked ? callIn(this.#watch.ledger, all, at, end) : undefined;
    if (call === undefined) return;
    if (isFragment && offset + (end - at) < getU32(all, start + 4)) this.#relayedFragmented.set(key, call);
    else {
      this.#relayedFragmented.delete(key);
      this.relayedCalls.push(call);
    }
  }

  #checkRelayOrder(header: FrameHeader): void {
    const fault = this.#watch.relays.orderFaultOf(this.#process, this, header);
    if (fault !== undefined) this.#violated(header, fault);
  }

  #fragment(header: FrameHeader, all: Buffer, start: number, end: number): void {
    const kind = all[start]!;
    const flags = all[start + 1]!;
    const { seq, to } = header;
    const total = getU32(all, start + 4);
    const offset = getU32(all, start + 8);
    const size = end - start - FRAGMENT_HEAD_BYTES;
    const aborts = (header.flags & FLAGS.abort) !== 0;
    this.#watch.trace.add(
      this.#process.name,
      ">",
      formatAddress(to as LogicalAddress),
      aborts ? "abort of" : "fragment of",
      KIND_NAMES.get(kind),
      seq,
      `${offset}-${offset + size}/${total}`,
    );
    if (aborts) {
      if (this.#fragmented.get(to)?.seq === seq) this.#fragmented.delete(to);
      return;
    }
    if (!isOrdered(kind)) return;
    if (offset === 0) {
      this.#checkOrder(header);
      const isMarked = kind === KIND.request && (flags & FLAGS.metadata) !== 0;
      this.#fragmented.set(to, { seq, call: isMarked ? callIn(this.#watch.ledger, all, start + FRAGMENT_HEAD_BYTES, end) : undefined });
    }
    if (offset + size < total) return;
    const { call } = this.#fragmented.get(to) ?? {};
    this.#fragmented.delete(to);
    if (kind !== KIND.request) return;
    this.#requests.add(`${to} ${seq}`);
    if (call !== undefined) this.calls.push(call);
  }

  /** Requests and one-way messages of a pair: numbers only go up, and nothing comes between the pieces of one. */
  #checkOrder(header: FrameHeader): void {
    const { seq, to } = header;
    if (addressGroup(to as LogicalAddress) !== addressGroup(this.#process.address)) this.#checkRelayOrder(header);
    const last = this.#lastSeq.get(to);
    if (last !== undefined && !seqBefore(last, seq)) this.#violated(header, `is sent after ${last}`);
    this.#lastSeq.set(to, seq);
    const open = this.#fragmented.get(to);
    if (open !== undefined) this.#violated(header, `is sent between the fragments of ${open.seq}`);
  }

  #violated(header: FrameHeader, what: string): void {
    const { kind, seq } = header;
    this.#watch.violated(`on the wire of ${this.#process.name}: ${KIND_NAMES.get(kind)} ${seq} of ${pairOf(header)} ${what}`);
  }
}

function pairOf({ from, to }: FrameHeader): string {
  return `${formatAddress(from as LogicalAddress)} > ${formatAddress(to as LogicalAddress)}`;
}

function callIn(ledger: Ledger, body: Buffer, start: number, end: number): number | undefined {
  const at = start + 4;
  return ledger.idOf(decodeMetadata(body, at, Math.min(end, at + 2 + body.readUInt16BE(at))));
}
