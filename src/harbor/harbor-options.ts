/** Limits of one harbor. Checked and filled in by `src/node/options.ts`. Limits per destination are those of its links. */
export interface HarborOptions {
  /** Bytes that wait for all destinations together; past it, frames for those that read slowly are refused. Default 256 MiB. */
  maxWaitingBytes?: number | undefined;
  /** Pairs of sender and target that are remembered, some 200 bytes each; past it, pairs for which nobody waits are forgotten, and then new ones refused. Default 65,536. */
  maxPairs?: number | undefined;
}
