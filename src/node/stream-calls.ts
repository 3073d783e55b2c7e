/** Plugs streaming calls into the streams between nodes. */

import type { StreamDispatcher } from "../rpc/streaming/stream-dispatcher.js";
import { CALLS_PROTOCOL } from "../rpc/streaming/stream-opener.js";
import { RESET } from "../stream/reset-code.js";
import type { NodeStreams } from "./node-streams.js";

export function serveCalls(streams: NodeStreams, dispatcher: StreamDispatcher): void {
  streams.serve(CALLS_PROTOCOL, (stream, { metadata }, { peer }) => {
    dispatcher.serve({
      stream,
      from: peer.address,
      metadata,
      maxPayloadBytes: peer.maxPayloadBytes,
      accept: () => stream.accept(),
      refuse: (why) => void stream.reset(RESET[why]),
    });
  });
}
