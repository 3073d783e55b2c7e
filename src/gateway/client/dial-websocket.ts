/** A client over a WebSocket, as a Node.js stream. */
import type { Duplex } from "node:stream";
import { loadWebSockets } from "../listen/websocket-library.js";
import { WebSocketStream } from "../listen/websocket-stream.js";

export interface WebSocketDialOptions {
  /** `"stream"`, the default: a stream of bytes. `"message"`: in object mode, each `Uint8Array` is one message. */
  mode?: "stream" | "message" | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds until it has to stand. Default 10,000. */
  timeoutMs?: number | undefined;
  /** Bytes of the largest message that is taken. Default 1 MiB. */
  maxMessageBytes?: number | undefined;
  /** `wss:` only: authorities to believe in place of the system's. */
  ca?: string | Uint8Array | undefined;
}

const BUFFER_BYTES = 64 * 1024;

/** Opens `url`, `ws://host:port/path` or `wss:`. Needs the package `ws`. @throws Error saying why not. */
export async function dialWebSocket(url: string, options: WebSocketDialOptions = {}): Promise<Duplex> {
  const { WebSocket } = await loadWebSockets();
  const { mode = "stream", headers = {}, timeoutMs = 10_000, maxMessageBytes: maxPayload = 1024 ** 2, ca } = options;
  const authorities = ca === undefined ? {} : { ca: typeof ca === "string" ? ca : Buffer.from(ca) };
  const settings = { perMessageDeflate: false, handshakeTimeout: timeoutMs, maxPayload, headers: { ...headers }, ...authorities };
  const webSocket = new WebSocket(url, settings);
  const stream = new WebSocketStream(webSocket, { mode, bufferBytes: BUFFER_BYTES });
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => reject(new Error(`dial ${url}: ${cause.message}`, { cause }));
    stream.once("error", failed);
    webSocket.once("open", () => {
      stream.off("error", failed);
      resolve(stream);
    });
  });
}
