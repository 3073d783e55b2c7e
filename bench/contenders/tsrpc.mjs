/** tsrpc over WebSocket with its binary encoding. The schema is what its generator would write. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

const TEXT = { type: "String" };
const BYTES = { type: "Buffer", arrayType: "Uint8Array" };
const message = (fields) => ({
  type: "Interface",
  properties: Object.entries(fields).map(([name, type], id) => ({ id, name, type, optional: true })),
});
const SCHEMA = {
  version: 1,
  services: [
    { id: 0, name: "Echo", type: "api" },
    { id: 1, name: "Count", type: "api" },
    { id: 2, name: "Post", type: "msg" },
  ],
  types: {
    "PtlEcho/ReqEcho": message({ msg: TEXT, data: BYTES }),
    "PtlEcho/ResEcho": message({ msg: TEXT, data: BYTES }),
    "PtlCount/ReqCount": message({}),
    "PtlCount/ResCount": message({ count: { type: "Number" } }),
    "MsgPost/MsgPost": message({ msg: TEXT }),
  },
};
const nothing = () => {};
const QUIET = {
  json: false,
  logger: { debug: nothing, log: nothing, warn: nothing, error: nothing },
  logReqBody: false,
  logResBody: false,
  logApi: false,
  logMsg: false,
  logConnect: false,
};

export async function startServer({ port, handler }) {
  const { WsServer } = require("tsrpc");
  const server = new WsServer(SCHEMA, { ...QUIET, port });
  let oneways = 0;
  const echo = (call) => call.succ(call.req.msg ? { msg: call.req.msg } : { data: call.req.data });
  const callOn = async (call) => call.succ({ msg: await handler(call.req.msg) });
  server.implementApi("Echo", handler ? callOn : echo);
  server.implementApi("Count", (call) => call.succ({ count: oneways }));
  server.listenMsg("Post", () => {
    oneways++;
  });
  await server.start();
}

export async function connect({ host, port, bytes }) {
  const { WsClient } = require("tsrpc");
  const client = new WsClient(SCHEMA, { ...QUIET, server: `ws://${host}:${port}` });
  const connected = await client.connect();
  if (!connected.isSucc) throw new Error(connected.errMsg);
  const reply = (result) => {
    if (!result.isSucc) throw new Error(result.err.message);
    return result.res;
  };
  return {
    call: bytes ? (data) => client.callApi("Echo", { data }) : (msg) => client.callApi("Echo", { msg }),
    payloadOf: bytes ? (result) => reply(result).data : (result) => reply(result).msg,
    oneway: (msg) => void client.sendMsg("Post", { msg }),
    onewayCount: async () => reply(await client.callApi("Count", {})).count,
  };
}
