/** Who breaks the protocol behind the opening loses its connection; this is where people learn of it. */
import { formatAddress } from "../addr/logical-address.js";
import { ProtocolError } from "../wire/protocol-error.js";
import type { Channel } from "./channel.js";
import type { LinkEnvironment } from "./link-environment.js";

/** To be told of each connection that is gone. Seldom says the same: the peer may come back at once and do it again. */
export function tellBrokenProtocol({ logger, seldom }: LinkEnvironment, { peer, remote }: Channel, cause: Error): void {
  if (!(cause instanceof ProtocolError)) return;
  const from = formatAddress(peer.address);
  seldom.say(`broken protocol ${from}`, (addition) => {
    logger.warn(
      { peer: from, remote, cause: cause.message },
      `closed the connection with ${from} at ${remote}: ${cause.message}${addition}`,
    );
  });
}
