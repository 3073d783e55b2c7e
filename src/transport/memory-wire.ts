/** An in-memory connection as the network sees it: both ends, the lanes between them, and how it opens. */
import { type Endpoint, formatEndpoint } from "../addr/endpoint.js";
import { MemoryConnection, type MemoryEnvironment, type MemoryPeer } from "./memory-connection.js";
import type { MemoryHost } from "./memory-host.js";
import { type Direction, Lane, type Packet } from "./memory-lane.js";
import type { PeerCredentials } from "./socket-connection.js";
import { type SystemError, systemError } from "./system-error.js";

/** What each end of a connection knows of the other; binding and identities as TLS would give them. */
export interface CredentialsOfBothEnds {
  readonly atDialer: PeerCredentials;
  readonly atListener: PeerCredentials;
}

export interface MemoryDial {
  readonly serial: number;
  readonly dialer: MemoryHost;
  readonly listener: MemoryHost;
  /** As it was dialed. */
  readonly endpoint: Endpoint;
  readonly forward: Direction;
  readonly back: Direction;
  readonly credentials: CredentialsOfBothEnds;
  /** Told what happens to the connection. */
  readonly trace: ((event: string) => void) | undefined;
  /** Both ends have left. */
  readonly onOver: (wire: MemoryWire) => void;
  /** How the dial ended; not called when it never does. */
  readonly onDialed: (outcome: MemoryConnection | SystemError) => void;
}

interface Side {
  readonly host: MemoryHost;
  readonly lane: Lane;
  /** The host has died since; when it is up again it knows nothing of the connection. */
  isCrashed: boolean;
  /** Bytes came since then: the peer sends them again until it has an answer. */
  hasMissedBytes: boolean;
}

export class MemoryWire {
  readonly serial: number;
  readonly dialerEnd: MemoryConnection;
  /** What the dialing end is called: its host with a port of its own. */
  readonly dialerText: string;
  readonly #dial: MemoryDial;
  readonly #dialerSide: Side;
  readonly #listenerSide: Side;
  #listenerEnd: MemoryConnection | undefined;
  #isDialing = true;

  constructor(environment: MemoryEnvironment, dial: MemoryDial) {
    this.serial = dial.serial;
    this.#dial = dial;
    this.dialerText = formatEndpoint({ host: dial.dialer.name, port: dial.dialer.takePort() });
    const { clock, random } = environment;
    const forward = new Lane(dial.forward, clock, random, {
      arrived: (packet) => this.#arrivedAtListener(packet),
      conditionsChanged: () => this.#listenerEnd?.read(),
    });
    const back = new Lane(dial.back, clock, random, {
      arrived: (packet) => this.#arrivedAtDialer(packet),
      conditionsChanged: () => this.dialerEnd.read(),
    });
    this.#dialerSide = { host: dial.dialer, lane: forward, isCrashed: false, hasMissedBytes: false };
    this.#listenerSide = { host: dial.listener, lane: back, isCrashed: false, hasMissedBytes: false };
    const peer = { remote: formatEndpoint(dial.endpoint), isLoopback: dial.dialer === dial.listener, ...dial.credentials.atDialer };
    this.dialerEnd = this.#end(dial.dialer, forward, dial.back, peer);
    forward.send({ type: "open" });
  }

  get dialer(): MemoryHost {
    return this.#dial.dialer;
  }

  get listener(): MemoryHost {
    return this.#dial.listener;
  }

  isOpenAt(host: MemoryHost): boolean {
    return this.#sidesOf(host).some(({ end }) => end?.phase === "open");
  }

  /** The connection is lost, and both ends learn it at once. */
  reset(): void {
    if (this.#isDialing && this.dialerEnd.phase === "open") this.#dialFailed("ECONNRESET");
    for (const end of [this.dialerEnd, this.#listenerEnd]) {
      if (end?.phase === "open") end.close(systemError("ECONNRESET", `connection to ${end.remote} was reset`));
    }
  }

  /** The ends on `host` are closed with a reset; the other side learns nothing, ever. */
  forgetAt(host: MemoryHost): void {
    for (const { end } of this.#sidesOf(host)) {
      if (end?.phase === "open") end.close(systemError("ECONNRESET", `connection to ${end.remote} was reset`));
    }
  }

  /** The ends on `host` are gone with it. */
  crashAt(host: MemoryHost, peersLearn: boolean): void {
    for (const { side, end } of this.#sidesOf(host)) {
      if (end?.phase !== "open") continue;
      if (peersLearn) side.lane.send({ type: "reset" });
      side.isCrashed = true;
      end.vanish();
    }
  }

  /** The process on `host` goes on: it reads what has come. */
  thawAt(host: MemoryHost): void {
    for (const { end } of this.#sidesOf(host)) end?.read();
  }

  /** `host` is up again: it answers the bytes that came meanwhile. */
  restartAt(host: MemoryHost): void {
    for (const { side } of this.#sidesOf(host)) {
      if (side.isCrashed && side.hasMissedBytes) side.lane.send({ type: "reset" });
    }
  }

  #sidesOf(host: MemoryHost): { side: Side; end: MemoryConnection | undefined }[] {
    const sides = [
      { side: this.#dialerSide, end: this.dialerEnd },
      { side: this.#listenerSide, end: this.#listenerEnd },
    ];
    return sides.filter(({ side }) => side.host === host);
  }

  #arrivedAtListener(packet: Packet): void {
    this.#tracePacket(`${this.dialerText} > ${this.#listenerText}`, packet);
    if (packet.type === "open") this.#opened();
    else if (this.#listenerEnd !== undefined) this.#arrivedAt(this.#listenerSide, this.#listenerEnd, packet);
  }

  #arrivedAtDialer(packet: Packet): void {
    this.#tracePacket(`${this.#listenerText} > ${this.dialerText}`, packet);
    const isWaiting = this.#isDialing && this.dialerEnd.phase === "open";
    if (isWaiting && packet.type === "accept") this.#dialed(this.dialerEnd);
    else if (isWaiting && packet.type === "refuse") this.#dialFailed("ECONNREFUSED");
    else if (isWaiting && packet.type === "reset") this.#dialFailed("ECONNRESET");
    else this.#arrivedAt(this.#dialerSide, this.dialerEnd, packet);
  }

  #arrivedAt(side: Side, end: MemoryConnection, packet: Packet): void {
    if (!side.isCrashed) end.arrived(packet);
    else if (packet.type === "data" || packet.type === "end") {
      if (side.host.isUp) side.lane.send({ type: "reset" });
      else side.hasMissedBytes = true;
    }
  }

  #opened(): void {
    const { dialer, listener, endpoint, forward, credentials } = this.#dial;
    const isLoopback = dialer === listener;
    const { dials } = forward.conditions;
    const answer = dials === "answered" ? listener.answerTo(endpoint.port, isLoopback) : dials;
    if (answer === "swallowed") return;
    const { lane } = this.#listenerSide;
    if (answer === "refused") {
      lane.send({ type: "refuse" });
      return;
    }
    lane.send({ type: "accept" });
    const end = this.#end(listener, lane, forward, { remote: this.dialerText, isLoopback, ...credentials.atListener });
    this.#listenerEnd = end;
    // A stopped process has not accepted it yet; its machine has.
    listener.tell(() => answer(end));
  }

  #end(host: MemoryHost, lane: Lane, incoming: Direction, peer: MemoryPeer): MemoryConnection {
    return new MemoryConnection(host, lane, incoming, peer, (end) => this.#left(end));
  }

  #dialFailed(code: string): void {
    const error = systemError(code, `dial ${formatEndpoint(this.#dial.endpoint)}: ${code}`);
    this.#dialed(error);
    this.dialerEnd.close(error);
  }

  #dialed(outcome: MemoryConnection | SystemError): void {
    this.#isDialing = false;
    this.#dial.dialer.tell(() => this.#dial.onDialed(outcome));
  }

  #left(end: MemoryConnection): void {
    const text = end === this.dialerEnd ? this.dialerText : this.#listenerText;
    this.#dial.trace?.(`#${this.serial} ${text} ${end.phase}`);
    if (this.dialerEnd.phase === "open" || this.#listenerEnd?.phase === "open") return;
    this.#dialerSide.lane.close();
    this.#listenerSide.lane.close();
    this.#dial.onOver(this);
  }

  get #listenerText(): string {
    return formatEndpoint({ host: this.listener.name, port: this.#dial.endpoint.port });
  }

  #tracePacket(way: string, packet: Packet): void {
    if (this.#dial.trace === undefined) return;
    if (packet.type === "credit") return; // how the network works, nothing that anybody sent
    const size = packet.type === "data" ? ` ${packet.bytes.length}` : "";
    this.#dial.trace(`#${this.serial} ${way} ${packet.type}${size}`);
  }
}
