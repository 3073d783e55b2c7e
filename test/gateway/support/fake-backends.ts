/** Backends without a cluster: a stream's other end is a Node.js stream in this process. */
import { once } from "node:events";
import { type Duplex, duplexPair as nodeDuplexPair } from "node:stream";
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

/** Two ends of one stream; what one destroys, the other fails with. */
function halves(): [Duplex, Duplex] {
  const [one, other] = nodeDuplexPair({ allowHalfOpen: true });
  for (const [end, far] of [
    [one, other],
    [other, one],
  ] as const) {
    void once(end, "close").then(
      () => cut(end, far),
      () => cut(end, far),
    );
  }
  return [one, other];
}

function cut(end: Duplex, far: Duplex): void {
  if (!end.readableEnded || !end.writableFinished) far.destroy(new Error("reset"));
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
