/** What a datagram wants that belongs to no session. */
import { UNPROVEN_WINDOW } from "./kcp-core.js";
import { COMMAND, readSegment, Segment } from "./segment.js";

export type Wish =
  /** It carries one of the first segments of a session. The very first one may be still on its way. */
  | { readonly type: "open" }
  /** It goes on with a session that is not known here (any more), with the segment of this number. */
  | { readonly type: "go-on"; readonly sequence: number }
  | { readonly type: "nothing" };

const OPEN = { type: "open" } as const;
const NOTHING = { type: "nothing" } as const;
const segment = new Segment();

/** `datagram` has passed the checks. */
export function whatStrangerWants(datagram: Buffer): Wish {
  let wish: Wish = NOTHING;
  for (let offset = 0; offset < datagram.length; offset = segment.end) {
    readSegment(datagram, offset, segment);
    const { command, sequence, start, end } = segment;
    if (command === COMMAND.push && sequence < UNPROVEN_WINDOW && end > start) return OPEN;
    if (command === COMMAND.push || command === COMMAND.askWindow) wish = { type: "go-on", sequence };
  }
  return wish;
}
