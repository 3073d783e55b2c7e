/**
 * clusterts as users have it: generated stubs, the handshake with a secret, the default deadline per call, async handlers;
 * two nodes over TCP that know each other from a configured discovery. `interceptor`: one that does nothing, on both sides.
 * Through a relay they are in two groups: with one harbor between them the handlers are those of the other group's harbor,
 * with two (`relays`) those of a node behind it.
 */
import { createNode, parseAnyAddress } from "clusterts";
import { memory } from "clusterts/discovery";
import * as blob from "../gen/blob.js";
import * as count from "../gen/count.js";
import * as echo from "../gen/echo.js";
import * as post from "../gen/post.js";

const CALLER = "1.2.1";
const HARBORS = ["1.255.1", "2.255.1"];
const SECRET = "0123456789abcdef0123456789abcdef"; // 32 bytes

export async function startServer(job) {
  const node = makeNode(handlerOf(job), job);
  let oneways = 0;
  echo.Register(node, async ({ msg }) => ({ msg }));
  blob.Register(node, async ({ data }) => ({ data }));
  post.Register(node, async () => {
    oneways++;
    return {};
  });
  count.Register(node, async () => ({ oneways }));
  node.onStream((stream) => {
    stream.on("data", (data) => stream.write(data));
    stream.on("end", () => stream.end());
  }, "echo");
  node.onStream((stream) => {
    let bytes = 0;
    stream.on("data", (data) => {
      bytes += data.length;
    });
    stream.on("end", () => stream.end(String(bytes)));
  }, "count");
  await node.start();
}

export async function connect(job) {
  const handler = handlerOf(job);
  const node = makeNode(CALLER, job);
  await node.start();
  await count.Call(node, handler, {}); // opens the link
  return {
    call: job.bytes ? (data) => blob.Call(node, handler, { data }) : (msg) => echo.Call(node, handler, { msg }),
    payloadOf: job.bytes ? (reply) => reply.data : (reply) => reply.msg,
    oneway: (msg) => post.Post(node, handler, { msg }),
    onewayCount: async () => (await count.Call(node, handler, {})).oneways,
    openStream: async () => new Opened(await node.openStream(handler, { protocol: job.scenario.startsWith("E2") ? "count" : "echo" })),
  };
}

/** Closures of its own would count as memory of an idle stream. */
class Opened {
  constructor(stream) {
    this.stream = stream;
  }
  #next(start) {
    return new Promise((resolve) => {
      this.stream.once("data", resolve);
      start();
    });
  }
  echo(buffer) {
    return this.#next(() => this.stream.write(buffer));
  }
  close() {
    this.stream.end();
  }
  write(buffer) {
    return this.stream.write(buffer) ? undefined : new Promise((resolve) => this.stream.once("drain", resolve));
  }
  async finish() {
    return Number(String(await this.#next(() => this.stream.end())));
  }
}

export async function startRelay(job) {
  await makeNode(HARBORS[job.relayIndex], job).start();
}

function handlerOf({ relayPorts, relays }) {
  if (relayPorts.length === 0) return "1.1.1";
  return relays === 2 ? "2.1.1" : HARBORS[1];
}

/** All processes fill a discovery of their own with the same members, so that nothing else has to run. */
function makeNode(address, job) {
  const { host, serverPort, clientPort, relayPorts, relays, interceptor } = job;
  const discovery = memory();
  const ports = [
    [handlerOf(job), serverPort],
    [CALLER, clientPort],
    ...HARBORS.slice(0, relays ?? 1).map((harbor, index) => [harbor, relayPorts[index]]),
  ];
  for (const [member, port] of ports)
    if (port !== undefined) discovery.put({ address: parseAnyAddress(member), endpoint: `${host}:${port}` });
  const node = createNode({ address, discovery, ...(HARBORS.includes(address) && { harbors: discovery }), secrets: [SECRET] });
  if (interceptor) node.use({ caller: (call, next) => next(call), handler: (call, next) => next(call) });
  return node;
}
