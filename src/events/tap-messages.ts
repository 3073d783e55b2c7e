/** Shows the messages of a node while they come and go: for debugging. Costs nothing where no tap is open in the process. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { messageOf } from "../internal/message-of.js";
import { onEvent } from "./channels.js";
import type { MessageEvent } from "./events.js";
import { matchesTap, type TapFilter } from "./tap-filter.js";

/** One message. */
export interface TappedMessage extends Omit<MessageEvent, "type" | "payload"> {
  /** The decoded payload, where it was asked for and its type is known here; of an error, its code and reason. */
  readonly payload: unknown;
  /** Why it cannot be decoded. */
  readonly fault: string | undefined;
}

export interface TapOptions {
  /** Default: everything. A function sees messages without their payload. */
  readonly filter?: TapFilter | ((message: TappedMessage) => boolean) | undefined;
  /** Whether payloads are decoded. Default false. Mind what stands in them before you write them somewhere. */
  readonly payload?: boolean | undefined;
  /** Called in the midst of the library's work: it must be quick, and what it throws becomes an uncaught exception of the process. */
  readonly onMessage: (message: TappedMessage) => void;
}

/** Calls `onMessage` for each message of `node`, until the returned function is called. */
export function tapMessages(
  node: { readonly address: LogicalAddress },
  { filter = {}, payload = false, onMessage }: TapOptions,
): () => void {
  const self = formatAddress(node.address);
  return onEvent("clusterts:message", (event) => {
    if (event.node !== self) return;
    const bare = tapped(event, false);
    const isWanted = typeof filter === "function" ? filter(bare) : matchesTap(filter, event);
    if (isWanted) onMessage(payload ? tapped(event, true) : bare);
  });
}

function tapped({ type, payload, ...facts }: MessageEvent, withPayload: boolean): TappedMessage {
  if (!withPayload) return { ...facts, payload: undefined, fault: undefined };
  try {
    return { ...facts, payload: payload(), fault: undefined };
  } catch (error) {
    return { ...facts, payload: undefined, fault: messageOf(error) };
  }
}
