/** One random history: streams opened, used and broken over faulty connections, all of it from a seed. */
import { RESET } from "../../../src/stream/reset-code.js";
import { resolveSessionOptions } from "../../../src/stream/session-options.js";
import { drive } from "../../../src/testing/driver.js";
import { SeededRandom } from "../../../src/testing/seeded-random.js";
import { VirtualClock } from "../../../src/testing/virtual-clock.js";
import { MemoryNetwork } from "../../../src/transport/memory.js";
import type { Connection } from "../../../src/transport/transport.js";
import { type End, MOST_READ_BYTES, SessionLife } from "./session-life.js";
import type { Side } from "./stream-life.js";

const MAX_LIVE_STREAMS = 10;
/** Virtual milliseconds after which everything that was begun has to be over. */
const SETTLE_MS = 60_000;
/** The most that is written at once, in windows, of which each takes a round trip, and in chunks, of which each is an event. */
const MOST_WINDOWS = 20;
const MOST_CHUNKS = 100;
const PORT = 8000;

export class StreamHistory {
  readonly clock = new VirtualClock();
  /** What was done, for whoever looks at a failure. */
  readonly notes: string[] = [];
  readonly #random: SeededRandom;
  readonly #network: MemoryNetwork;
  readonly #sessions: SessionLife[] = [];
  readonly #hasBudget: boolean;
  readonly #windowBytes: number;
  readonly #mostBytes: number;
  #accepted: Connection | undefined;
  #serial = 0;
  #isEnding = false;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#hasBudget = random.chance(0.25);
    this.#windowBytes = random.pick([1, 7, 64, 1_000, 5_000, 256 * 1024]);
    const maxChunkBytes = random.pick([3, 100, 1_000, 64 * 1024]);
    const socketBufferBytes = random.pick([40, 500, 64 * 1024]);
    this.#mostBytes = Math.min(MOST_WINDOWS * this.#windowBytes, MOST_CHUNKS * Math.min(maxChunkBytes, socketBufferBytes));
    this.#network = new MemoryNetwork({
      clock: this.clock,
      random: random.fork(),
      socketBufferBytes,
      conditions: { latencyMs: random.pick([0, 1, 5]), jitterMs: random.pick([0, 3]), maxChunkBytes },
    });
  }

  /** @throws what was wrong. */
  async run(): Promise<void> {
    let outcome: { error: unknown } | undefined;
    this.#script().then(
      () => {
        outcome = { error: undefined };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    const end = await drive({ clock: this.clock, isOver: () => outcome !== undefined, limitAt: () => Number.POSITIVE_INFINITY });
    if (outcome === undefined) throw new Error(`nothing is left to happen, and the history is not over (${end})`);
    if (outcome.error !== undefined) throw outcome.error;
  }

  async #script(): Promise<void> {
    const random = this.#random;
    await this.#network.transport("b").listen({ host: "b", port: PORT }, (connection) => {
      this.#accepted = connection;
    });
    await this.#connect();
    const steps = 20 + random.below(80);
    const breaking = random.pick([0, 0.01, 0.05]);
    for (let step = 0; step < steps; step++) {
      if (random.chance(breaking)) this.#break();
      else await this.#work();
      if (random.chance(0.5)) await this.#sleep(random.pick([0, 0, 1, 3, 20, 400]));
      this.#check();
    }
    await this.#finish();
  }

  async #connect(): Promise<void> {
    this.#network.heal("a", "b");
    this.#network.resumeReading("a", "b");
    this.#network.resumeReading("b", "a");
    this.#accepted = undefined;
    const dialed = await this.#network.transport("a").dial({ host: "b", port: PORT }, new AbortController().signal);
    while (this.#accepted === undefined) await this.#sleep(1);
    const life = new SessionLife(this.#options(), (side) => this.#onOffered(side));
    life.add(dialed, "dialer", this.clock, this.#random.fork());
    life.add(this.#accepted, "acceptor", this.clock, this.#random.fork());
    this.#sessions.push(life);
    this.#note("connected");
  }

  #options() {
    const random = this.#random;
    const initialWindowBytes = Math.min(this.#windowBytes, random.pick([this.#windowBytes, 1, 100]));
    return resolveSessionOptions({
      initialWindowBytes,
      windowBytes: this.#windowBytes,
      ...(this.#hasBudget && { maxUnreadBytes: random.pick([300, 3_000, 20_000]) }),
      acceptBacklog: random.pick([1, 3, 256]),
      maxUnacknowledged: random.pick([1, 2, 256]),
      maxHeldOpens: random.pick([0, 3, 100]),
      highWaterBytes: random.pick([1, 100, 64 * 1024]),
      openTimeoutMs: 5_000,
      keepaliveMs: 1_000,
      keepaliveTimeoutMs: 1_000,
      unansweredMs: 8_000,
      ...(random.chance(0.1) && { maxStreams: 4 }),
    });
  }

  get #session(): SessionLife {
    return this.#sessions.at(-1)!;
  }

  /** One piece of work on the streams there are. */
  async #work(): Promise<void> {
    const random = this.#random;
    const session = this.#session;
    if (session.hasEnded || (session.hasLeft && random.chance(0.1))) return this.#connect();
    const sides = this.#usableSides();
    if (sides.length === 0 || (sides.length < MAX_LIVE_STREAMS && random.chance(0.25))) return this.#open(random.pick(session.ends));
    const side = random.pick(sides);
    const { stream } = side;
    const what = random.next();
    if (what < 0.6) {
      const size = Math.min(random.pick([0, 1, 13, 300, 4_000, 30_000]), this.#mostBytes);
      if (!side.hasEnded && stream.writableLength < 100_000) side.write(size);
    } else if (what < 0.7) {
      if (!side.hasEnded) side.end();
    } else if (what < 0.75) {
      if (stream.isPaused()) stream.resume();
      else if (stream.readableFlowing === true) stream.pause();
    } else if (what < 0.93) {
      this.#read(side);
    } else if (what < 0.96) {
      this.#destroy(side);
    } else {
      session.ends[0]!.session.ping().catch(() => undefined);
    }
  }

  #usableSides(): Side[] {
    return this.#session.lives.flatMap(({ sides }) => sides).filter(({ isUsable }) => isUsable);
  }

  #open(end: End): void {
    if (end.session.unavailable !== undefined) return;
    const { opener } = this.#session.open(end, ++this.#serial);
    this.#note(`${end.session.role} opens ${opener.stream.id}`);
    this.#readSomehow(opener);
  }

  #onOffered(side: Side): void {
    const random = this.#random;
    if (this.#isEnding || random.chance(0.6)) this.#accept(side);
    else if (random.chance(0.1)) this.#destroy(side);
    else this.clock.setTimeout(() => this.#accept(side), random.pick([1, 50, 2_000]));
  }

  #accept(side: Side): void {
    if (!side.isUsable) return;
    side.isAccepted = true;
    side.stream.accept();
    this.#readSomehow(side);
  }

  /** Flowing, by iteration, or by hand: {@link #read}, which also takes over at the end. */
  #readSomehow(side: Side): void {
    const way = this.#isEnding ? 0 : this.#random.next();
    if (way < 0.4) side.stream.on("data", (chunk) => side.take(chunk));
    else if (way < 0.7) void this.#iterate(side);
  }

  async #iterate(side: Side): Promise<void> {
    side.isIterated = true;
    side.isInLoop = true;
    try {
      for await (const chunk of side.stream) {
        side.take(chunk);
        if (!this.#isEnding && this.#random.chance(0.3)) await this.#sleep(this.#random.pick([1, 30, 300]));
      }
      side.sawEnd = true;
    } catch (error) {
      if (side.error === undefined && side.destroyedWith === undefined) side.fault ??= `the reader got ${error}, the stream no error`;
    } finally {
      side.isInLoop = false;
    }
  }

  #read(side: Side): void {
    if (side.isIterated || side.stream.readableFlowing === true || side.sawEnd) return;
    const size = this.#random.pick([undefined, undefined, 1, MOST_READ_BYTES]);
    const chunk = side.stream.read(size) as Buffer | null; // goes to its "data" listeners as well
    if (chunk !== null && side.stream.listenerCount("data") === 0) side.take(chunk);
  }

  #destroy(side: Side): void {
    const how = this.#random.below(3);
    this.#note(`destroys ${side.stream.id}`);
    side.destroyedWith = [RESET.cancelled, RESET.failed, 70_000][how]!;
    if (how === 0) side.stream.destroy();
    else if (how === 1) side.stream.destroy(new Error("of the application's own"));
    else side.stream.reset(70_000);
  }

  /** Breaks something of the session or the network. */
  #break(): void {
    const random = this.#random;
    const session = this.#session;
    const end = random.pick(session.ends);
    const what = random.pick(["goAway", "close", "destroy", "reset", "half-open", "hold", "pause"] as const);
    this.#note(`${what} ${end.session.role}`);
    if (what === "goAway" || what === "close" || what === "destroy") session.hasLeft = true;
    if (what === "goAway") end.session.goAway();
    else if (what === "close") void end.session.close({ timeoutMs: random.pick([10, 1_000]) });
    else if (what === "destroy") end.session.destroy(random.chance(0.5) ? new Error("of the owner's own") : undefined);
    else if (what === "reset") this.#network.reset("a", "b");
    else if (what === "half-open") this.#network.halfOpen("a", "b");
    else this.#breakForAWhile(what);
  }

  #breakForAWhile(what: "hold" | "pause"): void {
    const [one, other] = this.#random.chance(0.5) ? (["a", "b"] as const) : (["b", "a"] as const);
    if (what === "hold") this.#network.hold(one, other);
    else this.#network.pauseReading(one, other);
    this.clock.setTimeout(
      () => {
        if (what === "hold") this.#network.heal(one, other);
        else this.#network.resumeReading(one, other);
      },
      this.#random.pick([5, 200, 3_000]),
    );
  }

  /** Nothing more breaks: everybody reads, ends what was opened, and all of it has to come to its end. */
  async #finish(): Promise<void> {
    this.#isEnding = true;
    this.#note("no more work");
    await this.#sleep(4_000); // what is held is let go
    const lives = this.#sessions.flatMap((session) => session.lives);
    for (const side of lives.flatMap(({ sides }) => sides)) {
      if (!side.hasEnded && side.isUsable && side.isAccepted) side.end();
      if (side.isIterated || !side.isUsable) continue;
      if (side.stream.listenerCount("data") === 0) side.stream.on("data", (chunk) => side.take(chunk));
      side.stream.resume();
    }
    for (let ms = 0; ms < SETTLE_MS && !lives.every(({ isOver }) => isOver); ms += 50) {
      for (const { acceptor } of lives) {
        if (acceptor?.isUsable && acceptor.isAccepted && !acceptor.hasEnded) acceptor.end();
      }
      await this.#sleep(50);
    }
    this.#check();
    for (const session of this.#sessions) {
      const hasEnded = session.hasEnded;
      for (const life of session.lives) {
        if (!life.isOver) throw new Error(`stream ${life.opener.stream.id} (${life.serial}) is not over after ${SETTLE_MS} ms`);
        if (!hasEnded && !session.hasLeft) life.checkWhole(this.#hasBudget);
      }
      for (const { session: end } of session.ends) end.destroy();
    }
    await this.#sleep(20_000);
    for (const session of this.#sessions) session.checkLeft();
    await this.#sleep(100_000);
    if (this.clock.nextAt !== undefined) throw new Error("timers are left");
  }

  #check(): void {
    for (const session of this.#sessions) session.check(this.#hasBudget);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimeout(resolve, ms));
  }

  #note(text: string): void {
    this.notes.push(`${Math.round(this.clock.now())} ${text}`);
  }
}

/** Runs one history. @throws Error with the seed, what was done last, and what was wrong. */
export async function runHistory(seed: number): Promise<void> {
  const history = new StreamHistory(seed);
  try {
    await history.run();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`failed: ${text}\nCLUSTERTS_SEED=${seed}\n  ${history.notes.slice(-30).join("\n  ")}`, { cause: error });
  }
}
