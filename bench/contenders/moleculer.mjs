/** moleculer over its TCP transporter (gossip with a given peer instead of UDP discovery), or over NATS. */
import { ServiceBroker } from "moleculer";

function makeBroker(job, nodeID, port, peers) {
  return new ServiceBroker({
    nodeID,
    namespace: `bench${job.serverPort}`,
    logger: false,
    registry: { preferLocal: false },
    requestTimeout: 0,
    transporter: job.transport === "nats" ? nats(job) : tcp(nodeID, port, peers),
  });
}

const nats = ({ brokerPort }) => ({ type: "NATS", options: { servers: `nats://127.0.0.1:${brokerPort}` } });

const tcp = (nodeID, port, peers) => ({
  type: "TCP",
  options: {
    udpDiscovery: false,
    port,
    urls: [`127.0.0.1:${port}/${nodeID}`, ...peers],
    gossipPeriod: 0.3,
    maxPacketSize: 64 * 1024 * 1024,
  },
});

export async function startServer(job) {
  const { handler, port } = job;
  let oneways = 0;
  const broker = makeBroker(job, `server-${port}`, port, []);
  broker.createService({
    name: "bench",
    actions: {
      echo: handler ? async ({ params }) => ({ msg: await handler(params.msg) }) : ({ params }) => ({ msg: params.msg }),
      count: () => oneways,
    },
    events: {
      "bench.post"() {
        oneways++;
      },
    },
  });
  await broker.start();
}

export async function connect(job) {
  const port = job.role === "relay" ? job.relayPorts[1] : job.clientPort;
  const broker = makeBroker(job, `client-${port}`, port, [`127.0.0.1:${job.port}/server-${job.port}`]);
  await broker.start();
  await broker.waitForServices("bench", 15_000, 50);
  return {
    bigAsString: true, // JSON is its serializer by default; a Buffer would become a list of numbers
    call: (msg) => broker.call("bench.echo", { msg }),
    payloadOf: (reply) => reply.msg,
    oneway: (msg) => void broker.emit("bench.post", { msg }),
    onewayCount: () => broker.call("bench.count"),
  };
}
