/** One stream of bytes as a network may deliver it: cut anywhere. Every chunk has memory of its own. */
export type Chunks = readonly Buffer[];

export function cutAt(bytes: Buffer, ...places: readonly number[]): Chunks {
  const sorted = [0, ...[...places].sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, i) => Buffer.from(bytes.subarray(sorted[i], end)));
}

/** Whole, in two at every place, and byte by byte. */
export function* everyCut(bytes: Buffer): Generator<Chunks> {
  for (let at = 0; at <= bytes.length; at++) yield cutAt(bytes, at);
  yield cutAt(bytes, ...bytes.keys());
}

/** In three, at every two places. */
export function* everyTwoCuts(bytes: Buffer): Generator<Chunks> {
  for (let first = 1; first < bytes.length; first++)
    for (let second = first; second < bytes.length; second++) yield cutAt(bytes, first, second);
}
