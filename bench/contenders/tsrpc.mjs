import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const iface = (props) => ({
  type: "Interface",
  properties: props.map(([name, type], id) => ({ id, name, type: { type }, optional: true })),
});
const proto = {
  version: 1,
  services: [
    { id: 0, name: "Echo", type: "api" },
    { id: 1, name: "Count", type: "api" },
    { id: 2, name: "Post", type: "msg" },
  ],
  types: {
    "PtlEcho/ReqEcho": iface([
      ["msg", "String"],
      ["data", "Buffer"],
    ]),
    "PtlEcho/ResEcho": iface([
      ["msg", "String"],
      ["data", "Buffer"],
    ]),
    "PtlCount/ReqCount": iface([]),
    "PtlCount/ResCount": iface([["n", "Number"]]),
    "MsgPost/MsgPost": iface([["msg", "String"]]),
  },
};
for (const p of Object.values(proto.types))
  for (const f of p.properties) if (f.type.type === "Buffer") f.type = { type: "Buffer", arrayType: "Uint8Array" };
const quiet = { debug() {}, log() {}, warn() {}, error() {} };

export async function startServer(o) {
  const { WsServer } = require("tsrpc");
  const s = new WsServer(proto, {
    port: o.port,
    json: false,
    logger: quiet,
    logReqBody: false,
    logResBody: false,
    logMsg: false,
    logConnect: false,
  });
  let oneways = 0;
  s.implementApi(
    "Echo",
    o.handler
      ? async (call) => {
          call.succ({ msg: await o.handler(call.req.msg) });
        }
      : (call) => {
          call.succ(call.req.msg ? { msg: call.req.msg } : { data: call.req.data });
        },
  );
  s.implementApi("Count", (call) => {
    call.succ({ n: oneways });
  });
  s.listenMsg("Post", () => {
    oneways++;
  });
  await s.start();
  return { port: o.port };
}

export async function connect(o) {
  const { WsClient } = require("tsrpc");
  const c = new WsClient(proto, { server: `ws://${o.host}:${o.port}`, json: false, logger: quiet, logApi: false, logMsg: false });
  const r = await c.connect();
  if (!r.isSucc) throw new Error(r.errMsg);
  const ask = async (name, req) => {
    const x = await c.callApi(name, req);
    if (!x.isSucc) throw new Error(x.err.message);
    return x.res;
  };
  return {
    call: o.bytes ? async (p) => (await ask("Echo", { data: p })).data : async (p) => (await ask("Echo", { msg: p })).msg,
    oneway: (p) => {
      c.sendMsg("Post", { msg: p });
    },
    onewayCount: async () => (await ask("Count", {})).n,
  };
}
