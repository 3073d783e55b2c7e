/** What streaming calls need of the streams between nodes, so that this folder knows none. */
import type { Duplex } from "node:stream";
import type { LogicalAddress } from "../../addr/logical-address.js";
import type { Code, Execution } from "../../errors.js";
import type { AbortSignal } from "../../internal/abort-signal.js";
import type { Metadata } from "../../wire/metadata.js";
import type { MetadataInit, Target } from "../service.js";

/** What is spoken on the streams of calls. */
export const CALLS_PROTOCOL = "clusterts.calls";

export interface OpenedStream {
  readonly stream: Duplex;
  /** Who has taken it. */
  readonly to: LogicalAddress;
  /** Largest payload that both ends take. */
  readonly maxPayloadBytes: number;
}

export interface StreamOpener {
  /**
   * Opens a stream on which `first` are the first bytes. Resolves when it was accepted.
   *
   * @throws {@link OpenFault}
   */
  open(
    target: Target,
    opening: {
      readonly protocol: string;
      readonly metadata: MetadataInit;
      readonly first: Uint8Array;
      readonly deadlineAt: number;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<OpenedStream>;
}

/** Why none was opened; the message is the reason alone. */
export interface OpenFault extends Error {
  readonly code: Code;
  readonly execution: Execution;
  readonly to: LogicalAddress | string;
  /** The harbors on the way, as far as they are known. */
  readonly path: readonly LogicalAddress[];
}

export function isOpenFault(error: unknown): error is OpenFault {
  return error instanceof Error && "code" in error && "execution" in error && "to" in error;
}

/** A stream that somebody has opened for a call, and about which nothing is decided. */
export interface OfferedCall {
  readonly stream: Duplex;
  readonly from: LogicalAddress;
  readonly metadata: Metadata;
  /** Largest payload that both ends take. */
  readonly maxPayloadBytes: number;
  accept(): void;
  refuse(why: "notServed" | "busy" | "failed"): void;
}
