/**
 * The contenders, by name. `module`: the file in this folder, when it is not the name; `opts`: what it is told besides;
 * `program`: a program that speaks the same role protocol; `broker`: a process that all others connect to, and
 * `brokerIsRelay`: it takes the relay's place; `relays`: how many relays a call passes; `scenarios`: the only ones it
 * takes part in; `optional`: runs only when `--only` names it.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { miniVariants } from "./mini-rpc/variants.mjs";

const natsServer = { command: "nats-server", args: (port) => ["-a", "127.0.0.1", "-p", String(port)] };
const clustertsScenarios = ["A", "B64", "B512", "C", "D", "E1", "E2", "E2x100", "E2small", "E2x100small", "E2calls", "E3", "F64", "FA"];

/** The Node.js libraries that users would otherwise pick. */
const PEER_CONTENDERS = {
  "grpc-js": {},
  connect: {},
  moleculer: {},
  "moleculer-nats": { module: "moleculer", broker: natsServer, brokerIsRelay: true, opts: { transport: "nats" } },
  nats: { broker: natsServer, brokerIsRelay: true },
  zeromq: {},
  "pinus-rpc": {},
  "pomelo-rpc": {},
  tsrpc: {},
};

export const PEERS = Object.keys(PEER_CONTENDERS);

export const CONTENDERS = {
  clusterts: { scenarios: clustertsScenarios },
  "clusterts:interceptor": { module: "clusterts", opts: { interceptor: true }, scenarios: clustertsScenarios, optional: true },
  "clusterts:harbors": { module: "clusterts", relays: 2, opts: { relays: 2 }, scenarios: ["F64", "FA"] },
  "clusterts:session": { module: "clusterts-session", scenarios: ["E1", "E2", "E2x100", "E2small", "E2x100small", "E3"], optional: true },
  "floor-raw": {},
  "floor-go-raw": { program: fileURLToPath(new URL("../go-raw/go-raw", import.meta.url)) },
  "mini-rpc": {},
  ...PEER_CONTENDERS,
  yamux: { scenarios: ["E1", "E3"] },
  ...miniVariants,
};

/** `name=/path/to/program[,relays=2]`: a contender from outside, in any language. */
export function parseExternal(text) {
  const match = /^([^=]+)=([^,]+)(?:,relays=(\d+))?$/.exec(text);
  if (match === null) throw new Error(`--external ${text}: expected name=/path/to/program[,relays=2]`);
  const [, name, program, relays] = match;
  return [name, { program, relays: relays === undefined ? 1 : Number(relays) }];
}

/** Why it cannot run here, or `undefined`. */
export function missing({ program }) {
  return program === undefined || existsSync(program) ? undefined : `no ${program}`;
}
