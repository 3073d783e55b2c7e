/** Streams as work of a history: what each end does to its stream, and what it must see because of what the other one did. */
import { type AddressText, formatAddress, parseAnyAddress } from "../../../src/addr/logical-address.js";
import { RpcError } from "../../../src/errors.js";
import type { ClusterStream } from "../../../src/node/cluster-stream.js";
import type { ClusterNode } from "../../../src/node/node.js";
import { StreamError } from "../../../src/stream/stream-error.js";
import type { SeededRandom } from "../../../src/testing/seeded-random.js";
import { WatchedNode } from "../../../src/testing/watched-node.js";

const PROTOCOL = "fault.stream";
/** The application's own; the other end must see them as they are. */
const RESET_CODES = [70_000, 70_001, 70_002];

/** One end of a stream in one process. */
class End {
  readonly stream: ClusterStream;
  readonly node: WatchedNode;
  readonly #id: number;
  readonly #side: 0 | 1;
  readonly #fail: (what: string) => void;
  /** The other end, once it is known. */
  other: End | undefined;
  written = 0;
  read = 0;
  hasEnded = false;
  sawEnd = false;
  isOver = false;

  constructor(stream: ClusterStream, node: WatchedNode, id: number, side: 0 | 1, fail: (what: string) => void) {
    this.stream = stream;
    this.node = node;
    this.#id = id;
    this.#side = side;
    this.#fail = (what) => fail(`stream ${id} at ${node.process.name}: ${what}`);
    this.isOver = stream.closed; // reset right behind its acknowledgment
    stream.on("data", (chunk) => this.#take(chunk));
    stream.on("end", () => this.#onEnd());
    stream.on("error", (error) => this.#onError(error));
    stream.on("close", () => {
      this.isOver = true;
      if (stream.errored === null && !(this.sawEnd && this.hasEnded))
        this.#fail("it is over without an error, and has not ended both ways");
    });
  }

  write(size: number): void {
    if (this.stream.destroyed || this.hasEnded) return;
    const bytes = new Uint8Array(size);
    for (let index = 0; index < size; index++) bytes[index] = byteAt(this.#id, this.#side, this.written + index);
    this.written += size;
    this.stream.write(bytes);
  }

  end(): void {
    if (this.stream.destroyed || this.hasEnded) return;
    this.hasEnded = true;
    this.stream.end();
  }

  reset(code: number): void {
    // Its own error; without one nobody could tell it from an end.
    if (!this.stream.destroyed) this.stream.reset(code, new StreamError("reset", "reset by the history", { resetCode: code }));
  }

  /** What it has come to, for the text of an error. */
  describe(): string {
    const { hasEnded, node, other, read, sawEnd, stream, written } = this;
    const has = `${written} written${hasEnded ? " to its end" : ""}, ${read} of ${other?.written ?? "?"} read${sawEnd ? " to its end" : ""}`;
    return `stream ${this.#id} of ${node.process.name} with ${formatAddress(stream.peer)}: ${has}`;
  }

  #take(chunk: Uint8Array): void {
    for (let index = 0; index < chunk.length; index++) {
      if (chunk[index] === byteAt(this.#id, 1 - this.#side, this.read + index)) continue;
      return this.#fail(`byte ${this.read + index} is not what the other end wrote there`);
    }
    this.read += chunk.length;
    if (this.other !== undefined && this.read > this.other.written) this.#fail(`${this.read} bytes came of ${this.other.written}`);
  }

  #onEnd(): void {
    this.sawEnd = true;
    const { other } = this;
    if (other === undefined) return this.#fail("it has ended, and nobody is at its other end");
    if (!other.hasEnded) return this.#fail(`it has ended, and ${other.node.process.name} has not ended it`);
    if (this.read !== other.written) this.#fail(`it has ended behind ${this.read} of ${other.written} bytes`);
  }

  #onError(error: Error): void {
    if (!StreamError.is(error)) this.#fail(`it failed with ${String(error)}`);
  }
}

export class StreamWork {
  readonly #random: SeededRandom;
  readonly #fail: (error: Error) => void;
  readonly #ends: End[] = [];
  /** Those who opened and were not told yet; then who has taken it, and who was told that nobody did. */
  readonly #opening = new Map<number, WatchedNode>();
  readonly #taken = new Map<number, End>();
  readonly #notRun = new Map<number, string>();
  #isOver = false;
  #id = 0;

  constructor(random: SeededRandom, fail: (error: Error) => void) {
    this.#random = random;
    this.#fail = fail;
  }

  serve(node: ClusterNode): void {
    node.onStream((stream) => this.#take(watched(node), stream), PROTOCOL);
  }

  open(from: ClusterNode, to: AddressText): void {
    const random = this.#random.fork();
    const id = ++this.#id;
    const node = watched(from);
    const abort = random.chance(0.1) ? new AbortController() : undefined;
    const metadata = { id: String(id), to, from: formatAddress(from.address) };
    const timeoutMs = random.chance(0.2) ? 1 + random.below(100) : 100 + random.below(5_000);
    this.#opening.set(id, node);
    const opening = from.openStream(to, { protocol: PROTOCOL, metadata, timeoutMs, signal: abort?.signal });
    if (abort !== undefined) void sleep(node, random.below(200)).then(() => abort.abort(new Error("no longer wanted")));
    opening.then(
      (stream) => this.#opened(node, stream, id, random),
      (error: unknown) => this.#notOpened(id, error),
    );
  }

  /** No more faults, no more work: all ends say their last, and read what comes. */
  finish(): void {
    this.#isOver = true;
    for (const end of this.#ends) {
      end.end();
      end.stream.resume();
    }
  }

  /** Ends in processes that live, which are not over, and openings that wait. */
  left(): string[] {
    const ends = this.#ends.filter(({ isOver, node }) => !isOver && !node.process.isGone);
    const waiting = [...this.#opening].filter(([, node]) => !node.process.isGone);
    return [...ends.map((end) => end.describe()), ...waiting.map(([id, node]) => `the opening of stream ${id} of ${node.process.name}`)];
  }

  #take(node: WatchedNode, stream: ClusterStream): void {
    const said = (key: string): string => Buffer.from(stream.metadata.get(key) ?? []).toString();
    const id = Number(said("id"));
    if (parseAnyAddress(said("to")) !== node.address) this.#violated(`stream ${id} is for ${said("to")}, and came to ${node.process.name}`);
    if (parseAnyAddress(said("from")) !== stream.peer)
      this.#violated(`stream ${id} is of ${said("from")}, and came as of ${formatAddress(stream.peer)}`);
    if (this.#taken.has(id)) this.#violated(`stream ${id} was taken twice`);
    const told = this.#notRun.get(id);
    if (told !== undefined) this.#violated(`stream ${id} was taken, and its opener was told that it was not: ${told}`);
    const end = new End(stream, node, id, 1, (what) => this.#violated(what));
    this.#taken.set(id, end);
    this.#begin(end, this.#random.fork());
  }

  #opened(node: WatchedNode, stream: ClusterStream, id: number, random: SeededRandom): void {
    this.#opening.delete(id);
    const other = this.#taken.get(id);
    const end = new End(stream, node, id, 0, (what) => this.#violated(what));
    if (other === undefined) return this.#violated(`stream ${id} of ${node.process.name} is open, and nobody has taken it`);
    end.other = other;
    other.other = end;
    this.#begin(end, random);
  }

  #notOpened(id: number, error: unknown): void {
    this.#opening.delete(id);
    if (!RpcError.is(error)) return this.#fail(new Error(`stream ${id} failed to open with ${String(error)}`, { cause: error }));
    if (error.execution !== "notRun") return;
    this.#notRun.set(id, error.message);
    if (this.#taken.has(id)) this.#violated(`stream ${id} was taken, and its opener is told that it was not: ${error.message}`);
  }

  #begin(end: End, random: SeededRandom): void {
    this.#ends.push(end);
    if (this.#isOver) return end.end();
    void this.#use(end, random);
  }

  async #use(end: End, random: SeededRandom): Promise<void> {
    for (let steps = 1 + random.below(8); steps > 0; steps--) {
      if (random.chance(0.8)) await sleep(end.node, random.chance(0.1) ? random.below(3_000) : random.below(100));
      if (this.#isOver || end.stream.destroyed) break;
      const what = random.next();
      if (what < 0.6) end.write(1 + (random.chance(0.1) ? random.below(300_000) : random.below(2_000)));
      else if (what < 0.75) await this.#pause(end, random);
      else if (what < 0.85) end.end();
      else if (what < 0.9) end.reset(random.pick(RESET_CODES));
    }
    if (random.chance(0.7)) end.end();
  }

  async #pause(end: End, random: SeededRandom): Promise<void> {
    end.stream.pause();
    await sleep(end.node, random.below(2_000));
    if (!end.stream.destroyed) end.stream.resume();
  }

  #violated(what: string): void {
    this.#fail(new Error(what));
  }
}

/** The byte at `position` of what one side of a stream writes: another one for each stream and side. */
function byteAt(id: number, side: number, position: number): number {
  return (id * 89 + side * 41 + position * 7 + (position >>> 8) * 13) & 0xff;
}

function watched(node: ClusterNode): WatchedNode {
  if (!(node instanceof WatchedNode)) throw new TypeError(`${formatAddress(node.address)} is none of the simulation's`);
  return node;
}

/** Time of the process: it ends with it. */
function sleep(node: WatchedNode, ms: number): Promise<void> {
  return new Promise((resolve) => {
    node.process.userClock.setTimeout(resolve, ms);
  });
}
