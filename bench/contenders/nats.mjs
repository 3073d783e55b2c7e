/** NATS request-reply through a nats-server. */
import { connect as natsConnect } from "@nats-io/transport-node";

const OPTIONS = { timeout: 10_000 };

export async function startServer({ brokerPort, bytes }) {
  const connection = await natsConnect({ servers: `127.0.0.1:${brokerPort}` });
  let oneways = 0;
  const serve = (subject, handle) => connection.subscribe(subject, { callback: (_error, message) => handle(message) });
  serve("echo", (message) => {
    if (!bytes) message.string(); // a handler would read it
    message.respond(message.data);
  });
  serve("post", (message) => {
    message.string();
    oneways++;
  });
  serve("count", (message) => message.respond(String(oneways)));
  await connection.flush();
}

export async function connect({ brokerPort, bytes }) {
  const connection = await natsConnect({ servers: `127.0.0.1:${brokerPort}` });
  return {
    call: (payload) => connection.request("echo", payload, OPTIONS),
    payloadOf: bytes ? (reply) => reply.data : (reply) => reply.string(),
    oneway: (payload) => connection.publish("post", payload),
    onewayCount: async () => Number((await connection.request("count", "", OPTIONS)).string()),
  };
}
