/**
 * Messages larger than one frame (docs/protocol.md, "Fragments"). A fragment says which message it belongs to (header:
 * from, epoch, seq; body: kind), how long that is, and where in it the bytes stand:
 *
 *     kind u8 | flags u8 | reserved u16 | total u32 | offset u32 | bytes
 */
import { FLAGS, getU32, putU32 } from "./header.js";
import { MAX_BODY_OVERHEAD_BYTES } from "./limits.js";
import { ProtocolError } from "./protocol-error.js";

export const FRAGMENT_HEAD_BYTES = 12;

export function putFragmentHead(buffer: Uint8Array, at: number, kind: number, flags: number, total: number, offset: number): void {
  buffer[at] = kind;
  buffer[at + 1] = flags;
  buffer[at + 2] = 0;
  buffer[at + 3] = 0;
  putU32(buffer, at + 4, total);
  putU32(buffer, at + 8, offset);
}

export interface AssemblyLimits {
  /** Bytes of one payload; the overhead of a body comes on top. */
  readonly maxPayloadBytes: number;
  /** Bytes announced by all unfinished messages of one sender together; a single one may have any legal size. */
  readonly maxPartialBytes: number;
  /** The same of all senders of one connection, where a harbor speaks for many. Default: as for one. */
  readonly maxPartialBytesInAll?: number;
}

interface Partial {
  readonly from: number;
  readonly flags: number;
  readonly body: Buffer;
  received: number;
  expiresAt: number;
}

/** The option that a message was over. */
export type PayloadLimit = "rpc.maxPayloadBytes" | "link.maxPartialBytes";

/** What became of a fragment. */
export type Assembly =
  | { readonly type: "more" }
  | { readonly type: "whole"; readonly kind: number; readonly flags: number; readonly body: Buffer }
  /** The message cannot be taken: told once, at its first fragment. The others of it are `"stray"`. */
  | { readonly type: "refused"; readonly kind: number; readonly limit: PayloadLimit; readonly reason: string }
  /** The sender gave the message up; what had come of it, if anything, is dropped. */
  | { readonly type: "aborted" }
  /** It belongs to no message that is being put together: given up, expired or refused before. */
  | { readonly type: "stray" };

const MORE: Assembly = { type: "more" };
const ABORTED: Assembly = { type: "aborted" };
const STRAY: Assembly = { type: "stray" };

/** Puts fragments of one connection together. Time is an argument; nothing here waits. */
export class FragmentAssembler {
  readonly #limits: AssemblyLimits;
  readonly #partials = new Map<string, Partial>();
  /** By sender, of those that have any. */
  readonly #bytesOf = new Map<number, number>();
  #bytes = 0;

  constructor(limits: AssemblyLimits) {
    this.#limits = limits;
  }

  /** Bytes announced by unfinished messages. */
  get partialBytes(): number {
    return this.#bytes;
  }

  get partialCount(): number {
    return this.#partials.size;
  }

  /**
   * Takes one fragment. The first one of a message that is under way starts it anew: behind a harbor, a sender whose
   * link was lost sends it again. `expiresAt` is that of the newest fragment.
   *
   * @throws {@link ProtocolError} for a fragment that contradicts its own head or the ones before it; what had come of its message is dropped.
   */
  add(
    from: number,
    epoch: number,
    seq: number,
    frameFlags: number,
    frame: Buffer,
    start: number,
    end: number,
    now: number,
    expiresAt: number,
  ): Assembly {
    if (end - start < FRAGMENT_HEAD_BYTES) throw new ProtocolError("a fragment is shorter than its head");
    const kind = frame[start]!;
    const flags = frame[start + 1]!;
    const total = getU32(frame, start + 4);
    const offset = getU32(frame, start + 8);
    const key = `${from}:${epoch}:${seq}:${kind}`;
    if ((frameFlags & FLAGS.abort) !== 0) {
      this.#drop(key);
      return ABORTED;
    }
    const size = end - start - FRAGMENT_HEAD_BYTES;
    if (size === 0 || offset + size > total) {
      this.#drop(key);
      throw new ProtocolError(`a fragment of ${size} bytes at ${offset} does not fit its message of ${total}`);
    }
    let partial = this.#partials.get(key);
    if (offset === 0) {
      this.#drop(key);
      const most = this.#limits.maxPayloadBytes + MAX_BODY_OVERHEAD_BYTES;
      if (total > most)
        return {
          type: "refused",
          kind,
          limit: "rpc.maxPayloadBytes",
          reason: `message of ${total} bytes is over the limit of ${this.#limits.maxPayloadBytes}`,
        };
      if (this.#fullness(from, total) !== undefined) this.expire(now);
      const full = this.#fullness(from, total);
      if (full !== undefined) return { type: "refused", kind, limit: "link.maxPartialBytes", reason: full };
      partial = { from, flags, body: Buffer.allocUnsafeSlow(total), received: 0, expiresAt };
      this.#partials.set(key, partial);
      this.#account(from, total);
    } else if (partial === undefined) {
      return STRAY;
    }
    if (partial.received !== offset || partial.body.length !== total || partial.flags !== flags) {
      this.#drop(key);
      throw new ProtocolError(`a fragment at ${offset} of ${total} follows ${partial.received} bytes of ${partial.body.length}`);
    }
    frame.copy(partial.body, offset, start + FRAGMENT_HEAD_BYTES, end);
    partial.received += size;
    partial.expiresAt = expiresAt;
    if (partial.received < total) return MORE;
    this.#drop(key);
    return { type: "whole", kind, flags, body: partial.body };
  }

  /** Drops what has expired; gives how many messages that were. */
  expire(now: number): number {
    let dropped = 0;
    for (const [key, partial] of this.#partials) {
      if (partial.expiresAt > now) continue;
      this.#drop(key);
      dropped++;
    }
    return dropped;
  }

  #drop(key: string): void {
    const partial = this.#partials.get(key);
    if (partial === undefined) return;
    this.#partials.delete(key);
    this.#account(partial.from, -partial.body.length);
  }

  /** Why a message of `total` bytes cannot be begun; `undefined` when it can. */
  #fullness(from: number, total: number): string | undefined {
    const { maxPartialBytes, maxPartialBytesInAll = maxPartialBytes } = this.#limits;
    const own = this.#bytesOf.get(from) ?? 0;
    if (own > 0 && own + total > maxPartialBytes)
      return `${own} bytes of unfinished messages from this peer, ${total} more are over the limit of ${maxPartialBytes}`;
    if (this.#bytes === 0 || this.#bytes + total <= maxPartialBytesInAll) return undefined;
    return `${this.#bytes} bytes of unfinished messages over this harbor, ${total} more are over the limit of ${maxPartialBytesInAll}`;
  }

  #account(from: number, bytes: number): void {
    this.#bytes += bytes;
    const own = (this.#bytesOf.get(from) ?? 0) + bytes;
    if (own === 0) this.#bytesOf.delete(from);
    else this.#bytesOf.set(from, own);
  }
}
