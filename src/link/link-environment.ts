/** What all links of a node share, handed in by the node. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock, Random } from "../internal/clock.js";
import type { Logger } from "../internal/logger.js";
import type { Resolved } from "../internal/resolved.js";
import type { Seldom } from "../internal/seldom.js";
import type { Transport } from "../transport/transport.js";
import type { Channel } from "./channel.js";
import type { ChannelEvents } from "./channel-events.js";
import type { DialLimiter } from "./dial-limiter.js";
import type { Identity } from "./handshake.js";
import type { Keyring } from "./keyring.js";
import type { LastWords } from "./last-words.js";
import type { LinkOptions } from "./link-options.js";
import type { HeldMessage } from "./pending-queue.js";

/** What a link tells the node. */
export interface LinkEvents extends Pick<ChannelEvents, "onMessage" | "onOversize" | "onForeign" | "onOvertaken"> {
  /** A connection is gone: what is in `channel.sent` and was not answered may have run. */
  onLost(channel: Channel, cause: Error): void;
  /** These messages left the queue: the link to `peer` is ready now. */
  onSent(messages: readonly HeldMessage[], peer: LogicalAddress): void;
  /** These messages were never sent to `peer` and will not be. `cause` says why, in one line. */
  onUnsent(messages: readonly HeldMessage[], cause: Error, peer: LogicalAddress): void;
  /** A dial failed (`false`), or a connection stands (`true`). */
  onReachable(peer: LogicalAddress, reachable: boolean): void;
  /** The peer takes no new work (`true`), or is back (`false`). */
  onDraining(peer: LogicalAddress, draining: boolean): void;
  /** Proven: a newer incarnation of this node's own address is alive. */
  onReplaced(by: LogicalAddress, text: string): void;
  /** Whether calls wait for `peer`; with `over`, those that were sent over that connection. */
  callsWait(peer: LogicalAddress, over?: Channel): boolean;
  /** Whether handlers work on requests that came over `channel`. */
  handlersWork(channel: Channel): boolean;
}

export interface LinkEnvironment {
  readonly identity: Identity;
  readonly keyring: Keyring;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly options: Resolved<LinkOptions>;
  readonly limiter: DialLimiter;
  readonly lastWords: LastWords;
  readonly logger: Logger;
  readonly limits: LimitHits;
  /** For what others can make this node say. */
  readonly seldom: Seldom;
  readonly events: LinkEvents;
  /** What peers are told, also those that connect only now, while this node closes; `undefined` until then. */
  closingText: string | undefined;
  /** Where `peer` listens according to discovery; `undefined` when it is not known there. */
  locate(peer: LogicalAddress): string | undefined;
}
