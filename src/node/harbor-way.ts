/** The way to one node of another group: over a harbor, and over another one when that is lost. What calls hold in place of a link. */
import type { LogicalAddress } from "../addr/logical-address.js";
import { COMMIT, type CommitResult } from "../internal/commit-result.js";
import type { Link } from "../link/link.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import type { Outbound } from "../rpc/outbound.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { KIND } from "../wire/header.js";

/** What a way needs of the node. */
export interface WayEnvironment {
  /** The link to the harbor for `to`; `undefined` when no harbor is known. */
  chooseLink(to: LogicalAddress): Link | undefined;
  /** Links to all harbors through which something for other groups may have gone. */
  harborLinks(): Iterable<Link>;
  readonly maxPayloadBytes: number;
}

export class HarborWay implements Outbound {
  readonly to: LogicalAddress;
  readonly #env: WayEnvironment;
  /** What new messages go over. Set anew when it is lost. */
  #link: Link | undefined;
  /** Where the body is that was begun last. */
  #open: Link | undefined;

  constructor(to: LogicalAddress, env: WayEnvironment) {
    this.to = to;
    this.#env = env;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  /** Hot path. Whether there is a harbor to send over. */
  find(): boolean {
    if (this.#link?.ready !== undefined) return true;
    const link = this.#env.chooseLink(this.to);
    // Nothing is waited for that went over its connection before: the way leaves a link only when that is lost or draining.
    if (link !== this.#link) link?.channel?.sent.forget(this.to);
    this.#link = link;
    return link !== undefined;
  }

  /** The link to its harbor is lost or draining. */
  leave(): void {
    this.#link = undefined;
  }

  get maxPayloadBytes(): number {
    return this.#link?.maxPayloadBytes ?? this.#env.maxPayloadBytes;
  }

  get congested(): boolean {
    return this.#link?.congested === true;
  }

  begin(maxBodyBytes: number): BinaryWriter {
    const link = this.#link;
    // Without one it is the body of a cancel: all else was routed in this very turn.
    const writer = link === undefined ? new FrameWriter().begin(maxBodyBytes) : link.begin(maxBodyBytes);
    this.#open = link;
    return writer;
  }

  commit(
    kind: number,
    flags: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    deadlineAt: number,
  ): CommitResult {
    const link = this.#open;
    this.#open = undefined;
    if (kind !== KIND.cancel || link?.carried(to, seq) === true)
      return link?.commit(kind, flags, to, from, epoch, seq, remainingMs, deadlineAt) ?? COMMIT.closed;
    // Its request went over another harbor, and only there it finds it.
    link?.abandon();
    const other = this.#carrier(seq);
    if (other === undefined) return COMMIT.sent;
    other.begin(1).raw(NO_REASON);
    return other.commit(kind, flags, to, from, epoch, seq, remainingMs, deadlineAt);
  }

  abandon(): void {
    this.#open?.abandon();
    this.#open = undefined;
  }

  withdraw(to: LogicalAddress, epoch: number, seq: number): boolean {
    if (this.#link?.withdraw(to, epoch, seq) === true) return true;
    for (const link of this.#env.harborLinks()) if (link !== this.#link && link.withdraw(to, epoch, seq)) return true;
    return false;
  }

  writable(): Promise<void> {
    return this.#link?.writable() ?? Promise.resolve();
  }

  #carrier(seq: number): Link | undefined {
    for (const link of this.#env.harborLinks()) if (link.carried(this.to, seq)) return link;
    return undefined;
  }
}

/** Body of a cancel. */
const NO_REASON = new Uint8Array(1);
