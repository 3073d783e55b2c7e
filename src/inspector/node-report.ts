/** What a node says of itself when the inspector asks. */
import type { LinkStatus, NodeStatus } from "../node/status.js";

export type LinkReport = LinkStatus;

export interface MethodReport {
  readonly method: string;
  readonly side: "call" | "handler";
  readonly count: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface NodeReport extends NodeStatus {
  readonly methods: readonly MethodReport[];
}
