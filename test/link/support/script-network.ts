/** A network in which nothing arrives by itself: each packet waits until the script delivers it, in order per connection and direction. */
import type { Clock } from "../../../src/internal/clock.js";
import { systemError } from "../../../src/transport/system-error.js";
import type { Connection, ConnectionHandler, Listener, Transport } from "../../../src/transport/transport.js";

/** `data` of one turn is one packet. */
type Packet =
  | { readonly type: "open" | "accept" | "refuse" | "end" | "reset" }
  | { readonly type: "data"; bytes: Buffer; readonly turn: number };

/** What becomes of dials from one side. */
export type Dials = "answered" | "refused" | "swallowed";

export interface ScriptHost {
  readonly name: string;
  readonly clock: Clock;
  dials: Dials;
  onConnection(connection: Connection): void;
}

/** One connection: what is under way in each direction, and both ends. */
export class Wire {
  /** The dialer's name and which of its dials this is: `A1`. */
  readonly name: string;
  readonly dialer: ScriptHost;
  readonly listener: ScriptHost;
  readonly dialerEnd: ScriptConnection;
  listenerEnd: ScriptConnection | undefined;
  readonly #network: ScriptNetwork;
  readonly #toListener: Packet[] = [{ type: "open" }];
  readonly #toDialer: Packet[] = [];
  readonly #onDialed: (outcome: Connection | Error) => void;
  #isDialing = true;
  #toldDialer = 0;

  constructor(
    name: string,
    dialer: ScriptHost,
    listener: ScriptHost,
    network: ScriptNetwork,
    onDialed: (outcome: Connection | Error) => void,
  ) {
    this.name = name;
    this.dialer = dialer;
    this.listener = listener;
    this.#network = network;
    this.#onDialed = onDialed;
    this.dialerEnd = new ScriptConnection(this, dialer);
  }

  /** Whether the dialer has yet to learn how the opening ends: taken, the peer's hello, its verdict. */
  get isOpening(): boolean {
    return this.isOpen && this.#toldDialer < 3;
  }

  get isOpen(): boolean {
    return this.dialerEnd.isOpen || this.listenerEnd?.isOpen === true;
  }

  /** Hosts to which something is under way. */
  get receivers(): ScriptHost[] {
    return [...(this.#toListener.length > 0 ? [this.listener] : []), ...(this.#toDialer.length > 0 ? [this.dialer] : [])];
  }

  sendFrom(end: ScriptConnection, packet: "end" | "reset" | Uint8Array): void {
    const lane = end === this.dialerEnd ? this.#toListener : this.#toDialer;
    if (typeof packet === "string") {
      lane.push({ type: packet });
      return;
    }
    const last = lane.at(-1);
    if (last?.type === "data" && last.turn === this.#network.turn) last.bytes = Buffer.concat([last.bytes, packet]);
    else lane.push({ type: "data", bytes: Buffer.from(packet), turn: this.#network.turn });
  }

  /** The first packet under way to `host` arrives. */
  deliverTo(host: ScriptHost): void {
    if (host === this.listener) this.#atListener(this.#toListener.shift()!);
    else this.#atDialer(this.#toDialer.shift()!);
  }

  /** The connection dies: what is under way is lost, and either end will learn of it. */
  cut(): void {
    this.#toListener.length = 0;
    this.#toDialer.length = 0;
    if (this.dialerEnd.isOpen) this.#toDialer.push({ type: "reset" });
    if (this.listenerEnd?.isOpen === true) this.#toListener.push({ type: "reset" });
  }

  #atListener(packet: Packet): void {
    if (packet.type !== "open") return this.listenerEnd?.arrived(packet);
    if (this.dialer.dials === "swallowed") return;
    if (this.dialer.dials === "refused") {
      this.#toDialer.push({ type: "refuse" });
      return;
    }
    this.#toDialer.push({ type: "accept" });
    this.listenerEnd = new ScriptConnection(this, this.listener);
    this.listener.onConnection(this.listenerEnd);
  }

  #atDialer(packet: Packet): void {
    this.#toldDialer++;
    if (!this.#isDialing) return this.dialerEnd.arrived(packet);
    this.#isDialing = false;
    if (packet.type === "accept") return this.#onDialed(this.dialerEnd);
    this.dialerEnd.isOpen = false;
    this.#onDialed(systemError(packet.type === "refuse" ? "ECONNREFUSED" : "ECONNRESET", "the dial failed"));
  }
}

class ScriptConnection implements Connection {
  readonly remote: string;
  readonly isLoopback = true;
  readonly identity = undefined;
  readonly channelBinding = undefined;
  readonly bufferedBytes = 0;
  isOpen = true;
  readonly #wire: Wire;
  readonly #host: ScriptHost;
  #handler: ConnectionHandler | undefined;
  #isEnding = false;
  #peerEnded = false;

  constructor(wire: Wire, host: ScriptHost) {
    this.#wire = wire;
    this.#host = host;
    this.remote = `${wire.name}:1`;
  }

  setHandler(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isOpen && !this.#isEnding) this.#wire.sendFrom(this, bytes);
    return true;
  }

  end(): void {
    if (!this.isOpen || this.#isEnding) return;
    this.#isEnding = true;
    this.#wire.sendFrom(this, "end");
    this.#closeWhenBothEnded();
  }

  destroy(error?: Error): void {
    if (!this.isOpen) return;
    this.#wire.sendFrom(this, "reset");
    this.#close(error);
  }

  arrived(packet: Packet): void {
    if (!this.isOpen) return;
    if (packet.type === "data") return this.#handler!.onData(packet.bytes);
    if (packet.type !== "end") return this.#close(systemError("ECONNRESET", "the connection was reset"));
    this.#peerEnded = true;
    this.end();
    this.#closeWhenBothEnded();
  }

  #closeWhenBothEnded(): void {
    if (this.#peerEnded && this.#isEnding) this.#close(undefined);
  }

  #close(error: Error | undefined): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#host.clock.afterTurn(() => this.#handler?.onClose(error));
  }
}

export class ScriptNetwork {
  readonly wires: Wire[] = [];
  /** What is written in one turn on one connection travels together. */
  turn = 0;

  /** Dials from `host` reach `to()`. */
  transport(host: ScriptHost, to: () => ScriptHost): Transport {
    return {
      dial: (_endpoint, signal) =>
        new Promise((resolve, reject) => {
          const count = this.wires.filter(({ dialer }) => dialer === host).length;
          const wire = new Wire(`${host.name}${count + 1}`, host, to(), this, (outcome) =>
            outcome instanceof Error ? reject(outcome) : resolve(outcome),
          );
          this.wires.push(wire);
          signal.addEventListener("abort", () => {
            wire.dialerEnd.destroy();
            reject(signal.reason as Error);
          });
        }),
      listen: () => Promise.reject<Listener>(new Error("hosts of a script listen without being asked")),
    };
  }
}
