/** Plugs streaming calls into the streams between nodes. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { StreamDispatcher } from "../rpc/streaming/stream-dispatcher.js";
import { CALLS_PROTOCOL } from "../rpc/streaming/stream-opener.js";
import { RESET } from "../stream/reset-code.js";
import type { NodeStreams } from "./node-streams.js";

export function serveCalls(streams: NodeStreams, dispatcher: StreamDispatcher): void {
  streams.serve(CALLS_PROTOCOL, (stream, { from, metadata }, { peer }) => {
    dispatcher.serve({
      stream,
      from: from as LogicalAddress,
      metadata,
      maxPayloadBytes: peer.maxPayloadBytes,
      accept: () => streams.accept(stream),
      refuse: (why) => streams.refuse(stream, RESET[why]),
    });
  });
}
