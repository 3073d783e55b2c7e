/** One link as a line of the node's status. */
import { formatAddress } from "../addr/logical-address.js";
import type { Channel } from "../link/channel.js";
import type { Link } from "../link/link.js";
import type { LinkStatus } from "./status.js";

export function linkStatus(link: Link): LinkStatus {
  const channel: Channel | undefined = link.channel;
  return {
    peer: formatAddress(link.peer),
    phase: link.phase,
    remote: channel?.remote,
    rttMs: channel?.rttMs,
    queuedMessages: link.queued.messages,
    queuedBytes: link.queued.bytes,
    bufferedBytes: channel?.bufferedBytes ?? 0,
    framesIn: channel?.counters.framesIn ?? 0,
    framesOut: channel?.counters.framesOut ?? 0,
    bytesIn: channel?.counters.bytesIn ?? 0,
    bytesOut: channel?.counters.bytesOut ?? 0,
    lastError: link.lastError?.message,
  };
}
