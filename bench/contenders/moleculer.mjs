import { ServiceBroker } from "moleculer";

const make = (o, id, port, peers) =>
  new ServiceBroker({
    nodeID: id,
    namespace: `bench${o.serverPort}`,
    logger: false,
    registry: { preferLocal: false },
    requestTimeout: 0,
    transporter:
      o.transport === "nats"
        ? { type: "NATS", options: { servers: `nats://127.0.0.1:${o.brokerPort}` } }
        : {
            type: "TCP",
            options: {
              udpDiscovery: false,
              port,
              urls: [`127.0.0.1:${port}/${id}`, ...peers],
              gossipPeriod: 0.3,
              maxPacketSize: 64 * 1024 * 1024,
            },
          },
  });

export async function startServer(o) {
  let oneways = 0;
  const b = make(o, `server-${o.port}`, o.port, []);
  b.createService({
    name: "bench",
    actions: {
      echo: o.handler ? async (ctx) => ({ msg: await o.handler(ctx.params.msg) }) : (ctx) => ({ msg: ctx.params.msg }),
      count: () => oneways,
    },
    events: {
      "bench.post"() {
        oneways++;
      },
    },
  });
  await b.start();
  return { port: o.port };
}

export async function connect(o) {
  const port = o.role === "relay" ? o.relayPorts[1] : o.clientPort;
  const b = make(o, `client-${port}`, port, [`127.0.0.1:${o.port}/server-${o.port}`]);
  await b.start();
  await b.waitForServices("bench", 15000, 50);
  return {
    bigAsString: true, // JSON is its serializer by default; a Buffer would become a list of numbers
    call: (p) => b.call("bench.echo", { msg: p }).then((r) => r.msg),
    oneway: (p) => {
      b.emit("bench.post", { msg: p });
    },
    onewayCount: () => b.call("bench.count"),
  };
}
