/**
 * clusterts as users have it: generated stubs, the handshake with a secret, the default deadline per call, async handlers;
 * two nodes over TCP that know each other from a configured discovery. `interceptor`: one that does nothing, on both sides.
 */
import { createNode, parseAddress } from "clusterts";
import { memory } from "clusterts/discovery";
import * as blob from "../gen/blob.js";
import * as count from "../gen/count.js";
import * as echo from "../gen/echo.js";
import * as post from "../gen/post.js";

const HANDLER = "1.1.1";
const CALLER = "1.2.1";
const SECRET = "0123456789abcdef0123456789abcdef"; // 32 bytes

export async function startServer(job) {
  const node = makeNode(HANDLER, job);
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
  const node = makeNode(CALLER, job);
  await node.start();
  await count.Call(node, HANDLER, {}); // opens the link
  return {
    call: job.bytes ? (data) => blob.Call(node, HANDLER, { data }) : (msg) => echo.Call(node, HANDLER, { msg }),
    payloadOf: job.bytes ? (reply) => reply.data : (reply) => reply.msg,
    oneway: (msg) => post.Post(node, HANDLER, { msg }),
    onewayCount: async () => (await count.Call(node, HANDLER, {})).oneways,
    openStream: () => openStream(node, job.scenario.startsWith("E2") ? "count" : "echo"),
  };
}

async function openStream(node, protocol) {
  const stream = await node.openStream(HANDLER, { protocol });
  const next = (start) =>
    new Promise((resolve) => {
      stream.once("data", resolve);
      start();
    });
  return {
    echo: (buffer) => next(() => stream.write(buffer)),
    close: () => void stream.end(),
    write: (buffer) => (stream.write(buffer) ? undefined : new Promise((resolve) => stream.once("drain", resolve))),
    finish: async () => Number(String(await next(() => stream.end()))),
  };
}

/** Both processes fill a discovery of their own with the same two members, so that nothing else has to run. */
function makeNode(address, { host, serverPort, clientPort, interceptor }) {
  const discovery = memory();
  discovery.put({ address: parseAddress(HANDLER), endpoint: `${host}:${serverPort}` });
  discovery.put({ address: parseAddress(CALLER), endpoint: `${host}:${clientPort}` });
  const node = createNode({ address, discovery, secrets: [SECRET] });
  if (interceptor) node.use({ caller: (call, next) => next(call), handler: (call, next) => next(call) });
  return node;
}
