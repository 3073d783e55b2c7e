/** WebSockets without a library, for clients that keep no rules. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export const UPGRADE =
  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/** A port, as listeners tell it. */
export interface Bound {
  readonly endpoint: { readonly host: string; readonly port: number };
}

/** A connection on which the test says what it wants. */
export function connectTo({ endpoint: { host, port } }: Bound): Socket {
  return connect({ host, port }).on("error", () => {});
}

/** A masked frame, as browsers send it; the mask is zeros. */
export function frame(firstByte: number, payload: Buffer, length = payload.length): Buffer {
  const header = Buffer.alloc(14);
  header[0] = firstByte;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, payload]);
}

/** An open WebSocket without a library: the socket behind its handshake. */
export async function rawWebSocket(listening: Bound, extra = ""): Promise<{ socket: Socket; headers: string }> {
  const socket = connectTo(listening);
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}${extra}\r\n`);
  const headers = (await once(socket, "data")).toString();
  return { socket, headers };
}
