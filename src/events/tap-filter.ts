/** Which messages a tap shows, as fields or as one line of text. */
import { type AddressText, formatAddress, parseAnyAddress } from "../addr/logical-address.js";
import { InvalidOptionsError } from "../errors.js";
import type { MessageEvent, MessageKind } from "./events.js";

/** What is left out matches everything. */
export interface TapFilter {
  /** Full names of methods or messages, or their beginnings followed by `*`: `"game.Chat/*"`. A cancel has none, and a late reply. */
  readonly methods?: readonly string[] | undefined;
  readonly peers?: readonly AddressText[] | undefined;
  readonly kinds?: readonly MessageKind[] | undefined;
  readonly direction?: "in" | "out" | undefined;
}

const KINDS: readonly MessageKind[] = ["request", "reply", "error", "refused", "cancel", "post", "message", "bytes", "hopError"];

/** A message of the tap, as the filter sees it. */
type Matched = Pick<MessageEvent, "method" | "peer" | "kind" | "direction">;

export function matchesTap({ methods, peers, kinds, direction }: TapFilter, message: Matched): boolean {
  if (direction !== undefined && message.direction !== direction) return false;
  if (kinds !== undefined && !kinds.includes(message.kind)) return false;
  if (peers !== undefined && !peers.includes(message.peer)) return false;
  return methods === undefined || methods.some((pattern) => isLike(pattern, message.method));
}

function isLike(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/**
 * Reads what `CLUSTERTS_TAP` says: parts with commas between them, of which each is a method, `peer=1.3.7`, `kind=request`, `in`,
 * `out`, or `payload` for the decoded contents: `game.Chat/*,peer=1.3.7,payload`; `*` for everything.
 *
 * @throws {@link InvalidOptionsError} listing every fault.
 */
export function parseTap(text: string): { readonly filter: TapFilter; readonly payload: boolean } {
  const faults: string[] = [];
  const methods: string[] = [];
  const peers: AddressText[] = [];
  const kinds: MessageKind[] = [];
  let direction: "in" | "out" | undefined;
  let payload = false;
  const parts = text.split(",").map((part) => part.trim());
  for (const part of parts.filter((each) => each !== "")) {
    const [, key, value = ""] = /^(\w+)=(.*)$/.exec(part) ?? [];
    if (part === "in" || part === "out") direction = part;
    else if (part === "payload") payload = true;
    else if (key === undefined) methods.push(part);
    else if (key === "peer") {
      try {
        peers.push(value === "0.0.0" ? value : formatAddress(parseAnyAddress(value)));
      } catch (error) {
        faults.push((error as Error).message);
      }
    } else if (key === "kind" && KINDS.includes(value as MessageKind)) kinds.push(value as MessageKind);
    else faults.push(`${JSON.stringify(part)} is neither a method, peer=address, kind=${KINDS.join("|")}, in, out nor payload`);
  }
  if (faults.length > 0) throw new InvalidOptionsError("tap", faults);
  const orAll = <T>(list: readonly T[]): readonly T[] | undefined => (list.length > 0 ? list : undefined);
  return { filter: { methods: orAll(methods), peers: orAll(peers), kinds: orAll(kinds), direction }, payload };
}
