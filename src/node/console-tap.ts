/** `CLUSTERTS_TAP`: the messages of every node of a process on its standard error, without a change to the program. */
import { inspect } from "node:util";
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { parseTap } from "../events/tap-filter.js";
import { type TappedMessage, tapMessages } from "../events/tap-messages.js";

/** Longest payload that is shown. */
const MAX_TEXT = 500;

/** Opens it where `text`, the variable, asks for it. @returns closes it. @throws InvalidOptionsError for a text that makes no sense. */
export function openConsoleTap(
  node: { readonly address: LogicalAddress },
  text: string | undefined,
  write: (line: string) => void,
): () => void {
  if (text === undefined || text.trim() === "") return () => {};
  const { filter, payload } = parseTap(text);
  const self = formatAddress(node.address);
  return tapMessages(node, { filter, payload, onMessage: (message) => write(`${lineOf(self, message)}\n`) });
}

function lineOf(self: string, { direction, kind, peer, method, seq, bytes, payload, fault }: TappedMessage): string {
  const arrow = direction === "out" ? `${self} > ${peer}` : `${self} < ${peer}`;
  const facts = `${new Date().toISOString()} tap ${arrow} ${kind}${method === "" ? "" : ` ${method}`} seq ${seq}, ${bytes} bytes`;
  if (fault !== undefined) return `${facts}: cannot be decoded: ${fault}`;
  if (payload === undefined) return facts;
  const shown = inspect(payload, { breakLength: Number.POSITIVE_INFINITY, compact: true, maxArrayLength: 32 });
  return `${facts}: ${shown.length > MAX_TEXT ? `${shown.slice(0, MAX_TEXT)}...` : shown}`;
}
