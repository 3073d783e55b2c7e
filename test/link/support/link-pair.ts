/** Two nodes' links to each other, the real ones, over a network that a script drives: what each sends, and what becomes of it. */
import assert from "node:assert/strict";
import { type LogicalAddress, makeAddress } from "../../../src/addr/logical-address.js";
import { memory } from "../../../src/discovery/memory.js";
import { LimitHits } from "../../../src/events/limit-hits.js";
import { COMMIT } from "../../../src/internal/commit-result.js";
import { Seldom } from "../../../src/internal/seldom.js";
import { DialLimiter } from "../../../src/link/dial-limiter.js";
import { Keyring } from "../../../src/link/keyring.js";
import { LastWords } from "../../../src/link/last-words.js";
import type { Link } from "../../../src/link/link.js";
import type { LinkEnvironment, LinkEvents } from "../../../src/link/link-environment.js";
import { Links } from "../../../src/link/links.js";
import { resolveNodeOptions } from "../../../src/node/options.js";
import type { Connection } from "../../../src/transport/transport.js";
import { KIND } from "../../../src/wire/header.js";
import type { Step, World } from "./explore.js";
import { ScriptClock } from "./script-clock.js";
import { type Dials, type ScriptHost, ScriptNetwork } from "./script-network.js";

const silent = (): void => {};
const logger = { trace: silent, debug: silent, info: silent, warn: silent, error: silent };
/** Time in which dials time out and are tried again. */
const AFTERMATH_MS = 3_000;

/** Nothing is idle in the aftermath, and nothing silent when a script lets so much time pass. */
const IDLE_MS = 1_000_000;
const patience = {
  dialTimeoutMs: 300,
  handshakeTimeoutMs: 300,
  idleMs: IDLE_MS,
  keepaliveMs: 2 * IDLE_MS,
  probeMs: 2 * IDLE_MS,
  unansweredMs: 4 * IDLE_MS,
};
const options = resolveNodeOptions({ address: "1.1.1", discovery: memory(), link: patience }).link;

/** One of the two, with what it sent and got. */
class Side implements ScriptHost {
  readonly name: string;
  readonly address: LogicalAddress;
  readonly clock = new ScriptClock();
  readonly links: Links;
  dials: Dials = "answered";
  /** Numbers of messages that came, in order. */
  readonly got: number[] = [];
  /** Of messages that went into a connection which was lost. */
  readonly maybeLost = new Set<number>();
  /** Of messages that were never sent. */
  readonly unsent = new Set<number>();
  sent = 0;
  readonly #peer: LogicalAddress;

  constructor(name: string, address: LogicalAddress, peer: LogicalAddress, network: ScriptNetwork, other: () => Side) {
    this.name = name;
    this.address = address;
    this.#peer = peer;
    const events: LinkEvents = {
      onMessage: (_channel, _kind, _flags, _to, _from, _epoch, seq) => void this.got.push(seq),
      onOversize: () => assert.fail("nothing is large"),
      onForeign: () => assert.fail("nothing is for others"),
      onOvertaken: (_channel, _kind, _from, _epoch, seq) => assert.fail(`message ${seq} to ${name} was overtaken`),
      onLost: (channel) => {
        for (const { first, last } of channel.sent) for (let seq = first; seq <= last; seq++) this.maybeLost.add(seq);
      },
      onSent: silent,
      onUnsent: (messages) => {
        for (const { seq } of messages) this.unsent.add(seq);
      },
      onReachable: silent,
      onDraining: silent,
      onReplaced: () => assert.fail("nobody was replaced"),
      callsWait: () => false,
      handlersWork: () => false,
    };
    const identity = { address, incarnation: 1n, cluster: "default", maxPayloadBytes: 1024, software: name };
    const env: LinkEnvironment = {
      identity,
      keyring: new Keyring([]),
      transport: network.transport(this, other),
      clock: this.clock,
      random: { next: () => 0.5, bytes: (length) => new Uint8Array(length) },
      options,
      limiter: new DialLimiter(options.maxDialsPerSecond),
      lastWords: new LastWords(this.clock),
      seldom: new Seldom(this.clock),
      limits: new LimitHits(address),
      logger,
      events,
      closingText: undefined,
      locate: () => "host:1",
    };
    this.links = new Links(env, true);
  }

  get link(): Link {
    return this.links.get(this.#peer);
  }

  onConnection(connection: Connection): void {
    this.links.accept(connection);
  }

  /** The next message: an empty one-way message with its number. */
  send(): void {
    const seq = ++this.sent;
    this.link.begin(8);
    const result = this.link.commit(KIND.bytes, 0, this.#peer, this.address, 1, seq, 0, Number.POSITIVE_INFINITY);
    if (result > COMMIT.queued) this.unsent.add(seq);
  }

  /** The link has been quiet for long: when nothing is to be done over its connection it says go-away. */
  idle(): void {
    this.link.sweep(this.clock.now());
    this.clock.pass(IDLE_MS);
    this.link.sweep(this.clock.now());
  }
}

export interface Script {
  /** Whether a connection stands, with nothing under way, before anything below. */
  readonly stands?: boolean;
  /** Messages that each has sent before anything arrives. */
  readonly queued: readonly [number, number];
  /** Messages that each sends at any time. */
  readonly later?: readonly [number, number];
  /** How often each finds its link idle, at any time. */
  readonly idles?: readonly [number, number];
  /** How many connections die. */
  readonly cuts?: number;
  /** Whether they die only until their dialer knows the verdict. Default: at any time. */
  readonly cutsInOpening?: boolean;
  /** What becomes of the dials of each. */
  readonly dials?: readonly [Dials, Dials];
}

export class LinkPair implements World {
  readonly #network = new ScriptNetwork();
  readonly #sides: readonly [Side, Side];
  readonly #later: number[];
  readonly #idles: number[];
  readonly #cutsInOpening: boolean;
  #cuts: number;
  #isCut = false;

  static async make(script: Script): Promise<LinkPair> {
    const pair = new LinkPair(script);
    const [low] = pair.#sides;
    if (script.stands === true) {
      low.send();
      await pair.#aftermath();
    }
    for (const [index, side] of pair.#sides.entries()) for (let count = script.queued[index]!; count > 0; count--) side.send();
    await pair.#endTurn();
    return pair;
  }

  private constructor(script: Script) {
    const [low, high] = [makeAddress(1, 1, 1), makeAddress(1, 1, 2)];
    this.#sides = [
      new Side("A", low, high, this.#network, () => this.#sides[1]),
      new Side("B", high, low, this.#network, () => this.#sides[0]),
    ];
    const { later = [0, 0], idles = [0, 0], cuts = 0, cutsInOpening = false, dials = ["answered", "answered"] } = script;
    this.#cutsInOpening = cutsInOpening;
    this.#later = [...later];
    this.#idles = [...idles];
    this.#cuts = cuts;
    for (const [index, side] of this.#sides.entries()) side.dials = dials[index]!;
  }

  steps(): Step[] {
    const steps: Step[] = [];
    for (const wire of this.#network.wires) {
      for (const host of wire.receivers) steps.push({ name: `${wire.name}>${host.name}`, parts: [this.#indexOf(host)] });
      if (this.#cuts > 0 && (this.#cutsInOpening ? wire.isOpening : wire.isOpen))
        steps.push({ name: `${wire.name}!`, parts: [0, 1], isOptional: true });
    }
    for (const [index, { name }] of this.#sides.entries()) {
      if (this.#later[index]! > 0) steps.push({ name: `${name}+`, parts: [index] });
      if (this.#idles[index]! > 0) steps.push({ name: `${name}~`, parts: [index] });
    }
    return steps;
  }

  async take({ name, parts }: Step): Promise<void> {
    const [part] = parts;
    const side = this.#sides[part!]!;
    if (name === `${side.name}+`) {
      this.#later[part!]!--;
      side.send();
    } else if (name === `${side.name}~`) {
      this.#idles[part!]!--;
      side.idle();
    } else {
      const wire = this.#network.wires.find(
        (candidate) => name.startsWith(candidate.name) && name.length === candidate.name.length + 2 - Number(name.endsWith("!")),
      )!;
      if (name.endsWith("!")) {
        this.#cuts--;
        this.#isCut = true;
        wire.cut();
      } else wire.deliverTo(side);
    }
    await this.#endTurn();
  }

  /** Dials time out, are tried again, and what is under way arrives; then each sends once more. */
  async finish(): Promise<void> {
    await this.#aftermath();
    for (const side of this.#sides) side.send();
    await this.#aftermath();
    this.#check();
  }

  #check(): void {
    const [a, b] = this.#sides;
    const open = this.#network.wires.filter(({ isOpen }) => isOpen);
    assert.deepEqual([a.link.phase, b.link.phase, open.length], ["ready", "ready", 1], "one link, one connection");
    for (const { link } of this.#sides) assert.equal(link.channels.length, 1);
    assert.equal(a.link.channel!.remote, b.link.channel!.remote, "the same one");
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const way = `${from.name} to ${to.name}: ${to.got.join(" ")}`;
      for (const [index, seq] of to.got.entries()) {
        assert.ok(index === 0 || seq > to.got[index - 1]!, `reordered or doubled, ${way}`);
        assert.ok(!from.unsent.has(seq), `message ${seq} came and was said not to be sent, ${way}`);
      }
      for (let seq = 1; seq <= from.sent; seq++) {
        const mayBeMissing = this.#isCut && (from.unsent.has(seq) || from.maybeLost.has(seq));
        assert.ok(mayBeMissing || to.got.includes(seq), `message ${seq} is lost, ${way}`);
      }
      assert.equal(to.got.at(-1), from.sent, `what was sent last has come, ${way}`);
    }
  }

  async #aftermath(): Promise<void> {
    for (let leftMs = AFTERMATH_MS; ; ) {
      await this.#endTurn();
      const [wire] = this.#network.wires.filter(({ receivers }) => receivers.length > 0);
      if (wire !== undefined) {
        wire.deliverTo(wire.receivers[0]!);
        continue;
      }
      // Clocks of two nodes need not agree: the same time passes on both.
      const ms = Math.max(0, Math.min(...this.#sides.map(({ clock }) => clock.nextAt - clock.now())));
      leftMs -= ms;
      if (leftMs < 0) return;
      for (const { clock } of this.#sides) clock.fire(clock.now() + ms);
    }
  }

  /** Everything that follows from a step without anything arriving. */
  async #endTurn(): Promise<void> {
    do await new Promise<void>((resolve) => process.nextTick(resolve));
    while (this.#sides.filter(({ clock }) => clock.endTurn()).length > 0);
    this.#network.turn++;
  }

  #indexOf(host: ScriptHost): number {
    return host === this.#sides[0] ? 0 : 1;
  }
}
