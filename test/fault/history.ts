/** One random history: some nodes, work that they do for each other, and what breaks meanwhile; all of it from the seed. */
import { getEventListeners } from "node:events";
import { type AddressText, formatAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import { RpcError, StartError } from "../../src/errors.js";
import type { ClusterNode } from "../../src/node/node.js";
import { HINT } from "../../src/rpc/failure.js";
import { mailbox } from "../../src/rpc/mailbox.js";
import { byType } from "../../src/rpc/picker.js";
import type { Context, Method } from "../../src/rpc/service.js";
import type { Sim, SimNodeOptions } from "../../src/testing/index.js";
import { SeededRandom } from "../../src/testing/seeded-random.js";
import { Simulation } from "../../src/testing/sim.js";
import { WatchedNode } from "../../src/testing/watched-node.js";
import { Bound } from "./support/bound.js";
import { FORGED_COMMAND, forge } from "./support/forger.js";
import { StreamWork } from "./support/stream-work.js";
import {
  type Act,
  type Done,
  doInTurn,
  doLimited,
  doWork,
  keyOf,
  patternOf,
  payloadFault,
  WORK_COMMAND,
  type Work,
  workNote,
} from "./support/work-service.js";

const HARBORS = ["1.255.1", "1.255.2", "2.255.1", "2.255.2"] as const;
const MAX_NODES = 8;

/** How the refusals of mailboxes and limits read. */
const BOUND_IS_MET = /tasks wait|is limited to \d+ requests at once|^not begun: /;
const TYPES = 2;

/** Longest time after the last fault until every stream is over: a connection that is not whole is found so in that time. */
const STREAMS_END_MS = 90_000;

/** A place in the cluster: an address, and the life of it that is the present one. */
interface Place {
  readonly address: AddressText;
  node: ClusterNode | undefined;
  state: "up" | "starting" | "stopped" | "down";
}

export class History {
  readonly #sim: Sim;
  readonly #groups: 1 | 2;
  readonly #random: SeededRandom;
  readonly #places: Place[] = [];
  readonly #open = new Set<Promise<void>>();
  /** Work of bounded handlers that has begun. */
  readonly #begun = new Set<number>();
  /** Chance of its own: streams change nothing of what else happens. */
  readonly #streamRandom: SeededRandom;
  /** How many streams are opened, by step. */
  readonly #streamChance: number;
  readonly #streams: StreamWork;
  /** Counts work items. */
  #id = 0;
  #ended = false;
  #wrong: Error | undefined;

  /** `groups`: two, each with two harbors, in place of one without. */
  constructor(sim: Sim, groups: 1 | 2 = 1) {
    this.#sim = sim;
    this.#groups = groups;
    this.#random = new SeededRandom(Math.floor(sim.random() * 2 ** 32));
    this.#streamRandom = new SeededRandom(Math.floor(sim.random() * 2 ** 32));
    this.#streamChance = this.#streamRandom.pick([0, 0, 0, 0.4]);
    this.#streams = new StreamWork(this.#streamRandom.fork(), (error) => this.#fail(error));
  }

  /** How many pieces of work were given out. */
  get works(): number {
    return this.#id;
  }

  async run(): Promise<void> {
    const random = this.#random;
    const sim = this.#sim;
    sim.latency(random.pick([{ ms: 1, jitterMs: 1 }, { ms: 0 }, { ms: 1 }, { ms: 10, jitterMs: 30 }, { ms: 0, jitterMs: 3 }]));
    await this.#startAll();
    const steps = this.#groups === 1 ? 20 + random.below(60) : 10 + random.below(35);
    const calm = random.next(); // some histories break all the time, others hardly
    for (let step = 0; step < steps && this.#wrong === undefined; step++) {
      if (random.chance(0.35 * calm)) this.#break();
      else this.#work();
      if (this.#streamRandom.chance(this.#streamChance)) this.#openStreams();
      if (random.chance(0.6)) await sim.advance(random.chance(0.1) ? random.below(5_000) : random.below(150));
    }
    sim.note("no more work");
    sim.latency({ ms: 1, jitterMs: 1 }); // a slow network is one that small timeouts never get through
    this.#ended = true;
    await sim.advance(random.below(3_000));
    await this.#endStreams();
    if (this.#wrong !== undefined) throw this.#wrong;
  }

  async #startAll(): Promise<void> {
    const random = this.#random;
    const count = this.#groups === 1 ? 3 + random.below(MAX_NODES - 2) : 2 + random.below(3);
    const place = (address: AddressText): void => void this.#places.push({ address, node: undefined, state: "down" });
    if (this.#groups === 2) for (const address of HARBORS) place(address);
    for (let index = 0; index < count; index++) {
      const group = this.#groups === 1 ? 1 : 1 + (index % 2);
      place(`${group}.${1 + (Math.floor(index / this.#groups) % TYPES)}.${1 + index}`);
    }
    const starts = this.#places.map((place) => this.#start(place));
    await Promise.all(starts);
  }

  /** What each node of this history is made with: limits so small that they are met. */
  #options(): SimNodeOptions {
    const random = this.#random;
    return {
      ...(this.#groups === 2 && { export: random.chance(0.5) }),
      link: {
        ...(random.chance(0.5) && { keepaliveMs: 1_000, probeMs: 300, keepaliveTimeoutMs: 500, unansweredMs: 4_000 }),
        ...(random.chance(0.3) && { maxPendingMessages: 4 + random.below(8) }),
        ...(random.chance(0.2) && { highWaterBytes: 64 * 1024, maxBufferedBytes: 256 * 1024, slowPeerBytes: 512 * 1024 }),
        ...(random.chance(0.2) && { maxPartialBytes: 200 * 1024 }),
        ...(random.chance(0.3) && { idleMs: 20 + random.below(500) }),
        ...(random.chance(0.15) && { maxAgeMs: 50 + random.below(2_000) }),
        ...(random.chance(0.3) && { reachTimeoutMs: 500, dialTimeoutMs: 300, handshakeTimeoutMs: 400 }),
      },
      rpc: {
        ...(random.chance(0.2) && { maxRequestsPerPeer: 1 + random.below(5) }),
        ...(random.chance(0.1) && { maxRequests: 2 + random.below(8) }),
        ...(random.chance(0.2) && { maxPayloadBytes: 128 * 1024 }),
        callTimeoutMs: 5_000,
      },
    };
  }

  async #start(place: Place): Promise<void> {
    place.state = "starting";
    try {
      place.node = await this.#sim.node(place.address, (node) => this.#serve(node), this.#options());
      place.state = "up";
    } catch (error) {
      this.#startFailed(place, error);
    }
  }

  #startFailed(place: Place, error: unknown): void {
    place.state = "down";
    if (!(error instanceof StartError)) this.#fail(new Error(`${place.address} did not start with ${String(error)}`, { cause: error }));
  }

  #fail(error: Error): void {
    this.#wrong ??= error;
  }

  // ---- work ----

  #up(): Place[] {
    return this.#places.filter(({ state }) => state === "up");
  }

  #work(): void {
    const random = this.#random;
    const up = this.#up();
    if (up.length === 0) return;
    const from = random.pick(up).node!;
    const what = random.next();
    if (what < 0.5) this.#call(from);
    else if (what < 0.62) for (let count = 2 + random.below(25); count > 0; count--) this.#call(from);
    else if (what < 0.72) for (let count = 1 + random.below(12); count > 0; count--) this.#oneWay(from);
    else if (what < 0.9) this.#mixedTo(from);
    else for (const place of up) this.#call(place.node!);
  }

  #openStreams(): void {
    const random = this.#streamRandom;
    const up = this.#up();
    for (let count = up.length === 0 ? 0 : 1 + random.below(6); count > 0; count--)
      this.#streams.open(random.pick(up).node!, random.pick(this.#places).address);
  }

  /** Nothing is broken any more: every stream ends, and so does every opening. */
  async #endStreams(): Promise<void> {
    const sim = this.#sim;
    if (this.#streamChance === 0) return;
    sim.heal();
    sim.discoveryBack();
    // Those too in whose place another one was started.
    if (sim instanceof Simulation) for (const { node } of sim.lives) sim.resume(node);
    this.#streams.finish();
    const until = sim.now + STREAMS_END_MS;
    while (this.#streams.left().length > 0 && sim.now < until && this.#wrong === undefined) await sim.advance(500);
    const left = this.#streams.left();
    if (left.length > 0) this.#fail(new Error(`${STREAMS_END_MS / 1_000} s after the last fault: ${left.slice(0, 5).join("; ")}`));
  }

  /** Requests and one-way messages of all sizes to one node: their order must stay. */
  #mixedTo(from: ClusterNode): void {
    const random = this.#random;
    const to = random.pick(this.#places).address;
    for (let count = 2 + random.below(10); count > 0; count--) {
      if (random.chance(0.5)) this.#oneWay(from, to);
      else this.#call(from, to);
    }
  }

  #bytes(): number {
    const random = this.#random;
    const size = random.next();
    if (size < 0.8) return random.below(200);
    if (size < 0.9) return random.below(20_000);
    return 60_000 + random.below(300_000);
  }

  #act(depth = 0): Act {
    const random = this.#random;
    const what = random.next();
    if (what < 0.5) return { type: "echo" };
    if (what < 0.68) return { type: "later", ms: random.chance(0.2) ? random.below(6_000) : random.below(100) };
    if (what < 0.72) return { type: "never" };
    if (what < 0.77) return { type: "throw", how: random.pick(["rpc", "plain", "nothing"]) };
    if (what < 0.8) return { type: "throw-later", ms: random.below(200) };
    if (depth >= 3) return { type: "echo" };
    const to = random.chance(0.3) ? 1 + random.below(TYPES) : random.pick(this.#places).address;
    return { type: "nested", to, timeoutMs: 20 + random.below(3_000), detached: random.chance(0.2), inner: this.#act(depth + 1) };
  }

  #newWork(): Work {
    const id = ++this.#id;
    return { id, act: this.#act(), replyBytes: this.#bytes(), payload: patternOf(id, this.#bytes()) };
  }

  /** A method and work for it; what is bounded holds up others, so it is short. */
  #workFor(): readonly [Method<Work, Done>, Work] {
    const random = this.#random;
    const work = this.#newWork();
    if (random.chance(0.75)) return [doWork, work];
    const isShort = work.act.type !== "never" && work.act.type !== "nested" && random.chance(0.9);
    return [random.pick([doInTurn, doLimited]), isShort ? { ...work, act: { type: "later", ms: random.below(60) } } : work];
  }

  #call(from: ClusterNode, address?: AddressText): void {
    const random = this.#random;
    const [method, work] = this.#workFor();
    const to =
      address ??
      (random.chance(0.2)
        ? byType(1 + random.below(TYPES), random.pick(["random", "round-robin", { hash: work.id }]))
        : random.pick(this.#places).address);
    const abort = random.chance(0.2) ? new AbortController() : undefined;
    const timeoutMs = random.chance(0.2) ? 1 + random.below(50) : random.chance(0.5) ? 50 + random.below(3_000) : undefined;
    const call = from.invoke(to, method, work, { timeoutMs, signal: abort?.signal }).then(
      (reply) => this.#checkReply(work, typeof to === "string" ? parseAnyAddress(to) : undefined, reply),
      (error: unknown) => this.#checkError(work, error),
    );
    if (abort !== undefined) this.#cancelLater(from, abort, call);
    this.#open.add(call);
    void call.then(() => this.#open.delete(call));
  }

  #cancelLater(from: ClusterNode, abort: AbortController, call: Promise<void>): void {
    const random = this.#random;
    const after = random.chance(0.4) ? 0 : random.below(300);
    if (after === 0 && random.chance(0.5)) abort.abort(new Error("no longer wanted"));
    else void sleep(from, after).then(() => abort.abort(new Error("no longer wanted")));
    void call.then(() => {
      const listeners = getEventListeners(abort.signal, "abort").length;
      if (listeners > 0) this.#fail(new Error(`${listeners} listeners are left on a call's signal`));
    });
  }

  #checkReply(work: Work, to: number | undefined, reply: Done): void {
    if (reply.id !== work.id) return this.#fail(new Error(`the call of work ${work.id} got the reply of work ${reply.id}`));
    if (to !== undefined && reply.by !== to) return this.#fail(new Error(`work ${work.id} was answered by ${reply.by}, not ${to}`));
    const fault = payloadFault(work.id, work.replyBytes, reply.payload);
    if (fault !== undefined) this.#fail(new Error(`the reply of work ${work.id}: ${fault}`));
  }

  #checkError(work: Work, error: unknown): void {
    if (!RpcError.is(error)) this.#fail(new Error(`the call of work ${work.id} failed with ${String(error)}`, { cause: error }));
    else if (error.reason.includes(HINT.overtaken) && !error.reason.includes("over another harbor"))
      this.#fail(new Error(`work ${work.id} was sent ahead of its turn: ${error.message}`));
    else if (BOUND_IS_MET.test(error.reason) && (error.execution !== "notRun" || this.#begun.has(work.id)))
      this.#fail(new Error(`work ${work.id} was refused by a bound ${this.#begun.has(work.id) ? "and has begun" : ""}: ${error.message}`));
  }

  #oneWay(from: ClusterNode, address = this.#random.pick(this.#places).address): void {
    const random = this.#random;
    const [method, work] = this.#workFor();
    const how = random.next();
    const payload = how < 0.4 ? Buffer.concat([Buffer.from(Uint32Array.of(work.id, work.payload.length).buffer), work.payload]) : undefined;
    const sent =
      payload !== undefined
        ? from.send(address, WORK_COMMAND, payload)
        : how < 0.7
          ? from.send(address, workNote, work)
          : from.post(address, method, work);
    sent.catch((error: unknown) => this.#checkError(work, error));
  }

  // ---- handlers ----

  #serve(node: ClusterNode): void {
    node.handle(doWork, (work: Work, context) => this.#handle(node, work, context));
    this.#streams.serve(node);
    this.#serveInTurn(node);
    this.#serveLimited(node);
    node.onMessage(workNote, (work) => this.#checkPayload(work));
    node.onMessage(FORGED_COMMAND, (_bytes, { from }) =>
      this.#fail(new Error(`a forged message came to ${formatAddress(node.address)} as from ${formatAddress(from)}`)),
    );
    node.onMessage(WORK_COMMAND, (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const [id, length] = [view.getUint32(0, true), view.getUint32(4, true)];
      const fault = payloadFault(id, length, bytes.subarray(8));
      if (fault !== undefined) this.#fail(new Error(`command of work ${id}: ${fault}`));
    });
  }

  #serveInTurn(node: ClusterNode): void {
    const random = this.#random;
    const rooms = mailbox<number>({ maxQueued: random.below(5), maxQueuedTotal: 8, overflow: random.pick(["reject", "drop-oldest"]) });
    const bounds = [0, 1, 2].map(
      (key) => new Bound(`key ${key} of ${formatAddress(node.address)}`, 1, (what) => this.#fail(new Error(what))),
    );
    const places = new Map<number, number>();
    const key = (work: Work): number => {
      places.set(work.id, bounds[keyOf(work)]!.arrive());
      return keyOf(work);
    };
    node.handle(
      doInTurn,
      rooms.serial(key, (work, context: Context) => this.#beginIn(bounds[keyOf(work)]!, places.get(work.id)!, node, work, context)),
    );
  }

  #serveLimited(node: ClusterNode): void {
    const random = this.#random;
    const maxConcurrent = 1 + random.below(3);
    const bound = new Bound(`${doLimited.name} of ${formatAddress(node.address)}`, maxConcurrent, (what) => this.#fail(new Error(what)));
    node.handle(doLimited, (work: Work, context) => this.#beginIn(bound, bound.arrive(), node, work, context));
    node.limit(doLimited.name, { maxConcurrent, maxQueued: random.pick([0, 0, 3]) });
  }

  #beginIn(bound: Bound, place: number, node: ClusterNode, work: Work, context: Context): Done | Promise<Done> {
    this.#begun.add(work.id);
    return bound.begin(place, () => this.#handle(node, work, context));
  }

  #checkPayload({ id, payload }: Work): void {
    const fault = payloadFault(id, payload.length, payload);
    if (fault !== undefined) this.#fail(new Error(`work ${id}: ${fault}`));
  }

  #handle(node: ClusterNode, work: Work, context: Context): Done | Promise<Done> {
    this.#checkPayload(work);
    if (work.act.type === "echo") return this.#doneBy(node, work);
    if (work.act.type === "throw") throw errorOf(work.act.how);
    return this.#perform(node, work.act, work, context).then(() => this.#doneBy(node, work));
  }

  async #perform(node: ClusterNode, act: Act, work: Work, context: Context): Promise<void> {
    switch (act.type) {
      case "echo":
        return;
      case "later":
        return await sleep(node, act.ms);
      case "never":
        if (work.id % 2 === 0) void context.signal; // some ask for it, and let go
        return await new Promise(() => {});
      case "throw":
        throw errorOf(act.how);
      case "throw-later":
        await sleep(node, act.ms);
        throw errorOf("rpc");
      case "nested": {
        const inner: Work = { id: ++this.#id, act: act.inner, replyBytes: 10, payload: patternOf(this.#id, 20) };
        const to = typeof act.to === "number" ? byType(act.to) : (act.to as AddressText);
        const reply = await node.invoke(to, doWork, inner, { timeoutMs: act.timeoutMs, detached: act.detached });
        this.#checkReply(inner, typeof act.to === "string" ? parseAnyAddress(act.to) : undefined, reply);
      }
    }
  }

  #doneBy(node: ClusterNode, work: Work): Done {
    return { id: work.id, by: node.address, payload: patternOf(work.id, work.replyBytes) };
  }

  // ---- faults ----

  #break(): void {
    const random = this.#random;
    const sim = this.#sim;
    const up = this.#up();
    if (up.length < 2) return;
    if (this.#groups === 2 && random.chance(0.2)) return this.#forge(random.pick(up).node!);
    const one = random.pick(up);
    const other = random.pick(up.filter((place) => place !== one));
    const [a, b] = [one.node!, other.node!];
    const lasts = random.chance(0.5) ? random.below(1_000) : random.below(12_000);
    switch (random.below(15)) {
      case 0:
        sim.partition(a, b);
        return this.#later(lasts, () => sim.heal());
      case 1:
        sim.partition(a, b, { oneWay: true });
        return this.#later(lasts, () => sim.heal());
      case 2:
        return sim.cutConnections(a, b);
      case 3:
        return sim.halfOpen(a, b);
      case 4:
        sim.slowReader(a);
        return this.#later(lasts, () => sim.heal());
      case 5:
        return this.#crash(one, lasts);
      case 6:
        return this.#restart(one);
      case 7:
        return this.#pause(one, lasts);
      case 8:
        return sim.clockJump(a, (random.next() - 0.5) * 7_200_000);
      case 9:
        sim.discoveryAway();
        return this.#later(lasts, () => sim.discoveryBack());
      case 10:
        return sim.discoveryWipe();
      case 11:
        return this.#close(one);
      case 12:
        return this.#replace(one, lasts);
      case 13:
        return this.#intrude(one);
      default:
        return sim.latency({ ms: random.below(80), jitterMs: random.below(80) });
    }
  }

  #forge(victim: ClusterNode): void {
    const { address } = victim;
    const { endpoint } = victim.status();
    if (!(this.#sim instanceof Simulation)) throw new TypeError("only a simulation has a network for forgers");
    const known = this.#places.map((place) => parseAnyAddress(place.address)).filter((other) => other !== address);
    if (endpoint !== undefined) forge(this.#sim, this.#random, { address, endpoint }, known);
  }

  #later(ms: number, what: () => void): void {
    void this.#sim.advance(ms).then(() => {
      if (!this.#ended) what();
    });
  }

  #crash(place: Place, downMs: number): void {
    this.#sim.crash(place.node!, { peersSee: this.#random.pick(["reset", "silent"]) });
    place.state = "down";
    this.#later(downMs, () => this.#restart(place));
  }

  #restart(place: Place): void {
    if (place.state === "starting" || place.node === undefined) return;
    place.state = "starting";
    this.#sim.restart(place.node).then(
      (node) => {
        place.node = node;
        place.state = "up";
      },
      (error: unknown) => this.#startFailed(place, error),
    );
  }

  #pause(place: Place, lastsMs: number): void {
    const { node } = place;
    this.#sim.pause(node!);
    place.state = "stopped";
    this.#later(lastsMs, () => {
      this.#sim.resume(node!);
      if (place.node === node && place.state === "stopped") place.state = "up";
    });
  }

  /** The process hangs, another one takes its address on another machine, and then the first one goes on. */
  #replace(place: Place, hangsMs: number): void {
    const { node } = place;
    this.#sim.pause(node!);
    void this.#start(place);
    this.#later(hangsMs, () => {
      this.#sim.resume(node!);
      // It has no idea, and goes on working.
      for (let count = this.#random.below(20); count > 0; count--) this.#call(node!);
    });
  }

  /** A second process wants the address of one that lives: it is refused and disturbs nothing. */
  #intrude(place: Place): void {
    this.#sim
      .node(place.address, (node) => this.#serve(node))
      .then(
        (intruder) => {
          if (place.state === "up") place.node = intruder; // the first one could not be asked
        },
        (error: unknown) => {
          if (!(error instanceof StartError)) this.#fail(new Error(`an intruder did not start with ${String(error)}`, { cause: error }));
        },
      );
  }

  /** Leaves in order, and comes back some time later. */
  #close(place: Place): void {
    const random = this.#random;
    const { node } = place;
    place.state = "starting";
    if (random.chance(0.2)) node!.destroy("by the history");
    void node!.close({ timeoutMs: 1 + random.below(3_000) }).then(() => {
      place.state = "down";
      this.#later(random.below(3_000), () => this.#restart(place));
    });
  }
}

function errorOf(how: "rpc" | "plain" | "nothing"): unknown {
  if (how === "rpc") return new RpcError("FAILED_PRECONDITION", "as the work says", { appCode: 42 });
  return how === "plain" ? new Error("as the work says") : undefined;
}

/** Time of the process: it ends with it. */
function sleep(node: ClusterNode, ms: number): Promise<void> {
  if (!(node instanceof WatchedNode)) throw new TypeError(`${formatAddress(node.address)} is none of the simulation's`);
  return new Promise((resolve) => {
    node.process.userClock.setTimeout(resolve, ms);
  });
}

export async function history(sim: Sim): Promise<void> {
  await new History(sim).run();
}

/** Two groups with two harbors each. */
export async function historyOfGroups(sim: Sim): Promise<void> {
  await new History(sim, 2).run();
}
