/** A connection is closed by this side for what the peer did: broken the protocol, or not read. This is where people learn of it. */
import { formatAddress } from "../addr/logical-address.js";
import { ProtocolError } from "../wire/protocol-error.js";
import type { Channel } from "./channel.js";
import type { LinkEnvironment } from "./link-environment.js";

/** The peer reads so slowly that more waits for it than may. */
export class SlowPeerError extends Error {
  override readonly name = "SlowPeerError";
  constructor(bufferedBytes: number) {
    super(`slow peer: ${bufferedBytes} bytes wait to be read`);
  }
}

/** To be told of each connection that is gone. Says the same seldom: the peer may come back at once and do it again. */
export function tellPeerFault({ logger, seldom }: LinkEnvironment, { peer, remote }: Channel, cause: Error): void {
  if (!(cause instanceof ProtocolError || cause instanceof SlowPeerError)) return;
  const from = formatAddress(peer.address);
  seldom.say(`${cause.name} ${from}`, (addition) => {
    logger.warn(
      { peer: from, remote, cause: cause.message },
      `closed the connection with ${from} at ${remote}: ${cause.message}${addition}`,
    );
  });
}
