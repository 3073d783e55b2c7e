/** What the discovery server and those who use it have agreed on, beside the messages. */
import { type LogicalAddress, parseAddress } from "../../addr/logical-address.js";

/** The server's logical address. No node of a cluster has it; both sides can choose another one. */
export const SERVER_ADDRESS: LogicalAddress = parseAddress("4095.254.4095");

/** Where the server listens unless told otherwise. */
export const DEFAULT_LISTEN = "127.0.0.1:8110";

/** What errors of the service say beside their code. */
export const APP_CODE = {
  /** The entry that was renewed, changed or taken away is not the caller's: its lease ended, or another process has it. */
  entryLost: 1,
  /** A newer process of the address is registered. */
  replaced: 2,
} as const;

/** Longest time for which the server holds a question that has no answer yet. */
export const MAX_WAIT_MS = 30_000;

/** Bytes of encoded members or entries in one report of a snapshot; the rest comes in further ones. */
export const MAX_REPORT_BYTES = 512 * 1024;
