/** Ends a TCP connection with a reset, whatever state it is in. */
import type { Socket } from "node:net";

/**
 * `resetAndDestroy()` that always closes. Between an `end()` and its completion the reset fails with EINVAL, and the
 * socket would stay open for ever, without "close" and without an error (Node.js 20 to 24): then it is only destroyed, and its
 * peer sees the end that is on its way already.
 *
 * @param above - what `socket` carries, the one that was written to; a TLS socket.
 */
export function resetSocket(socket: Socket, above: Socket = socket): void {
  const isEnding = above.writableEnded && !above.writableFinished && above.writableLength === 0;
  if (isEnding) above.destroy();
  else socket.resetAndDestroy();
}
