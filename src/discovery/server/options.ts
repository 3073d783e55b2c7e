/** What a discovery server is made with. */
import { parseEndpoint } from "../../addr/endpoint.js";
import { type AddressLike, type LogicalAddress, toAddress } from "../../addr/logical-address.js";
import { InvalidOptionsError } from "../../errors.js";
import type { NodeOptions } from "../../node/options.js";
import { disk } from "./disk.js";
import type { FileSystem } from "./file-system.js";
import { DEFAULT_LISTEN, SERVER_ADDRESS } from "./protocol.js";

export interface StartDiscoveryServerOptions
  extends Pick<NodeOptions, "cluster" | "secrets" | "insecure" | "tls" | "logger" | "link" | "rpc" | "transport" | "clock" | "random"> {
  /** Where to listen, `host:port`; port 0 takes a free one. Default `127.0.0.1:8110`. */
  listen?: string | undefined;
  /**
   * The file that holds the nodes; a log, its name with `.log` behind, is beside it. Need not exist. May be a list of nodes as
   * `file()` reads it: these are configured. Without it nothing is kept, and each start begins a new store.
   */
  data?: string | undefined;
  /** Milliseconds without a word from a node until its entry is removed, 100 to 3,600,000. Default 10,000. */
  leaseMs?: number | undefined;
  /** Its logical address, which no node of the cluster may have. Default `4095.254.4095`. */
  address?: AddressLike | undefined;
  /** @internal How data gets onto the disk. */
  files?: FileSystem | undefined;
}

export interface ResolvedServerOptions {
  readonly listen: string;
  readonly data: string | undefined;
  readonly leaseMs: number;
  readonly address: LogicalAddress;
  readonly files: FileSystem;
  /** For the node that it is. */
  readonly node: Pick<
    NodeOptions,
    "cluster" | "secrets" | "insecure" | "tls" | "logger" | "link" | "rpc" | "transport" | "clock" | "random" | "listen"
  >;
}

const DEFAULT_LEASE_MS = 10_000;
const MIN_LEASE_MS = 100;
const MAX_LEASE_MS = 3_600_000;

/** @throws {@link InvalidOptionsError}; what is for the node is checked there. */
export function resolveServerOptions(options: StartDiscoveryServerOptions): ResolvedServerOptions {
  const { listen = DEFAULT_LISTEN, data, leaseMs = DEFAULT_LEASE_MS, address = SERVER_ADDRESS, files = disk, ...node } = options;
  const faults: string[] = [];
  if (!Number.isInteger(leaseMs) || leaseMs < MIN_LEASE_MS || leaseMs > MAX_LEASE_MS)
    faults.push(`leaseMs is a whole number from ${MIN_LEASE_MS} to ${MAX_LEASE_MS}, got ${leaseMs}`);
  if (data !== undefined && (typeof data !== "string" || data === "")) faults.push("data is the name of a file");
  if (faults.length > 0) throw new InvalidOptionsError("discovery server", faults);
  parseEndpoint(listen);
  return { listen, data, leaseMs, address: toAddress(address), files, node: { ...node, listen } };
}
