import { connect as natsConnect } from "@nats-io/transport-node";

const _dec = new TextDecoder();
export async function startServer(o) {
  const nc = await natsConnect({ servers: `127.0.0.1:${o.brokerPort}` });
  let oneways = 0;
  nc.subscribe("echo", {
    callback: (_e, m) => {
      if (!o.bytes) m.string();
      m.respond(m.data);
    },
  });
  nc.subscribe("post", {
    callback: (_e, m) => {
      m.string();
      oneways++;
    },
  });
  nc.subscribe("count", { callback: (_e, m) => m.respond(String(oneways)) });
  await nc.flush();
  return { port: o.brokerPort };
}

export async function connect(o) {
  const nc = await natsConnect({ servers: `127.0.0.1:${o.brokerPort}` });
  const opts = { timeout: 10000 };
  return {
    call: o.bytes ? async (p) => (await nc.request("echo", p, opts)).data : async (p) => (await nc.request("echo", p, opts)).string(),
    oneway: (p) => {
      nc.publish("post", p);
    },
    onewayCount: async () => Number((await nc.request("count", "", opts)).string()),
  };
}
