/** A discovery as one line of text: `server://10.0.1.5:8110`, `10.0.1.5:8110`, `file:cluster.json`. */
import { parseEndpoint } from "../addr/endpoint.js";
import type { Discovery } from "../discovery/discovery.js";
import { file } from "../discovery/file.js";
import { discoveryServer } from "../discovery/server/adapter.js";
import type { TlsOptions } from "../transport/tls-options.js";

/** What a discovery needs of the node's other options. */
export interface DiscoveryContext {
  readonly secrets: readonly string[] | undefined;
  readonly cluster: string | undefined;
  /** How long a server may take to be reached; default as everywhere. */
  readonly reachTimeoutMs?: number;
  readonly tls: TlsOptions | undefined;
}

interface Scheme {
  /** What it reads like, for messages. */
  readonly example: string;
  readonly make: (rest: string, context: DiscoveryContext) => Discovery;
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  server: {
    example: "server://host:port (or host:port alone)",
    make: (rest, { cluster, secrets, tls, reachTimeoutMs }) =>
      discoveryServer(rest, { cluster, secrets, tls, ...(reachTimeoutMs !== undefined && { link: { reachTimeoutMs } }) }),
  },
  file: {
    example: "file:cluster.json",
    make: (rest) => {
      if (rest === "") throw new Error("file: which file?");
      return file(rest);
    },
  },
};

const EXAMPLES = Object.values(SCHEMES)
  .map(({ example }) => example)
  .join(", ");

/** @throws Error that lists what there is, for anything else. */
export function discoveryFromText(text: string, context: DiscoveryContext): Discovery {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? /^(file):(.*)$/i.exec(text) ?? ["", "server", text];
  const known = Object.hasOwn(SCHEMES, scheme!.toLowerCase()) ? SCHEMES[scheme!.toLowerCase()] : undefined;
  // A text without a scheme is an endpoint, or nothing that could be guessed.
  if (known === undefined || (rest === text && !isEndpoint(rest)))
    throw new Error(`${JSON.stringify(text)} is no discovery that is known here; there are ${EXAMPLES}`);
  return known.make(rest!, context);
}

function isEndpoint(text: string): boolean {
  try {
    return parseEndpoint(text).port > 0;
  } catch {
    return false;
  }
}
