/** What went over all links of a node, those too that are gone: counters that only grow. */
export interface Traffic {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export const NO_TRAFFIC: Traffic = Object.freeze({ framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 });

export function sumOf(one: Traffic, other: Traffic): Traffic {
  return {
    framesIn: one.framesIn + other.framesIn,
    framesOut: one.framesOut + other.framesOut,
    bytesIn: one.bytesIn + other.bytesIn,
    bytesOut: one.bytesOut + other.bytesOut,
  };
}
