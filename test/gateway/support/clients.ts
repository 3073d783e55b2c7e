/** Clients of one test, and what they hear. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { PipeGateway } from "../../../src/gateway/pipe-gateway.js";

/** The endpoint of the gateway's first listener of that kind. */
export function endpointOf(gateway: PipeGateway, transport: string): string {
  const listener = gateway.status().listeners.find((each) => each.transport === transport);
  if (listener === undefined) throw new Error(`no ${transport}`);
  return listener.endpoint;
}

/** The error that `stream` ends with. */
export async function errorOf(stream: Duplex): Promise<Error & { code?: string; closeCode?: number }> {
  const [error] = await once(stream, "error");
  return error as Error;
}

/** Reads until `bytes` bytes have come. */
export async function take(stream: Duplex, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      stream.off("data", onData);
      stream.off("error", done);
      stream.off("end", onEnd);
      stream.pause();
      if (error === undefined) resolve(Buffer.concat(chunks));
      else reject(error);
    };
    const onEnd = (): void => done(new Error(`it ended after ${length} of ${bytes} bytes`));
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= bytes) done();
    };
    stream.on("data", onData);
    stream.once("error", done);
    stream.once("end", onEnd);
    stream.resume();
  });
}

/** What happens to it besides what its test looks at is nobody's business. */
export function quiet<Stream extends Duplex>(stream: Stream): Stream {
  return stream.on("error", () => {});
}
