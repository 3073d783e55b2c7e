/** Backends without a cluster: a stream's other end is a Node.js stream in this process. */
import { once } from "node:events";
import { Duplex } from "node:stream";
import { parseAddress } from "../../../src/addr/logical-address.js";
import type { BackendStream, OpenStreamOptions, StreamOpener } from "../../../src/gateway/backend-stream.js";
import type { Target } from "../../../src/rpc/service.js";
import { until } from "../../support/until.js";

export interface Opened {
  readonly target: Target;
  readonly options: OpenStreamOptions;
  /** The backend's end. */
  readonly backend: Duplex;
  /** The gateway's end. */
  readonly stream: BackendStream;
}

/** Opens a stream for everybody, unless `fail` says otherwise. */
export class FakeBackends implements StreamOpener {
  readonly address = parseAddress("1.2.1");
  readonly opened: Opened[] = [];
  /** Asked before each opening: an error fails it, a promise holds it. */
  fail: ((target: Target, options: OpenStreamOptions) => Error | undefined | Promise<void>) | undefined;

  async openStream(target: Target, options: OpenStreamOptions = {}): Promise<BackendStream> {
    const failure = this.fail?.(target, options);
    if (failure instanceof Error) throw failure;
    await failure;
    const [near, backend] = halves();
    const stream = Object.assign(near, { peer: parseAddress("1.1.1") });
    this.opened.push({ target, options, backend, stream });
    backend.on("error", () => {}); // a test that cares listens itself
    return stream;
  }

  /** The opening of that number, counted from 1. */
  async nth(number: number): Promise<Opened> {
    await until(() => this.opened.length >= number);
    return this.opened[number - 1]!;
  }
}

/**
 * Two ends of one stream. What one destroys, the other fails with unless both had ended: `duplexPair` of Node.js ends the other
 * in order from version 24 on, which no stream between nodes does.
 */
function halves(): [Half, Half] {
  const pair: [Half, Half] = [new Half(), new Half()];
  pair[0].far = pair[1];
  pair[1].far = pair[0];
  return pair;
}

class Half extends Duplex {
  far!: Half;
  #taken: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _read(): void {
    const taken = this.far.#taken;
    this.far.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    if (chunk.length === 0) return done();
    this.#taken = done;
    this.far.push(chunk);
  }

  override _final(done: () => void): void {
    this.far.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.readableEnded || !this.writableFinished) process.nextTick(() => this.far.destroy(new Error("reset")));
    done(error);
  }
}

/** All that comes until the end. */
export async function textOf(stream: Duplex): Promise<string> {
  let text = "";
  stream.on("data", (chunk: Uint8Array) => {
    text += Buffer.from(chunk).toString();
  });
  await once(stream, "end");
  return text;
}
