/** zeromq: DEALER to ROUTER, pipelined; kind and sequence number in the first frame. The relay is zmq's own proxy. */
import * as zmq from "zeromq";

const OPTIONS = { sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 0 };
const KIND = { call: 1, oneway: 2, count: 3 };

export async function startServer({ host, port, bytes, handler }) {
  const router = new zmq.Router(OPTIONS);
  await router.bind(`tcp://${host}:${port}`);
  const send = sender(router);
  let oneways = 0;
  const receive = async () => {
    for await (const frames of router) {
      const body = frames.pop();
      const head = frames.pop();
      const reply = (payload) => send([...frames, head, payload]); // what is left is the way back, longer behind a proxy
      switch (head[0]) {
        case KIND.call:
          if (!bytes) body.toString(); // a handler would read it
          if (handler) handler(body.toString()).then(reply);
          else reply(body);
          break;
        case KIND.oneway:
          body.toString();
          oneways++;
          break;
        case KIND.count:
          reply(String(oneways));
          break;
      }
    }
  };
  receive();
}

export async function startRelay({ host, port, upstreamPort }) {
  const front = new zmq.Router(OPTIONS);
  const back = new zmq.Dealer(OPTIONS);
  await front.bind(`tcp://${host}:${port}`);
  back.connect(`tcp://${host}:${upstreamPort}`);
  new zmq.Proxy(front, back).run();
}

export async function connect({ host, port, bytes }) {
  const dealer = new zmq.Dealer(OPTIONS);
  dealer.connect(`tcp://${host}:${port}`);
  const send = sender(dealer);
  const inFlight = new Map();
  let lastId = 0;
  const receive = async () => {
    for await (const [head, body] of dealer) {
      const id = head.readUInt32LE(1);
      const settle = inFlight.get(id);
      inFlight.delete(id);
      settle(bytes ? body : body.toString());
    }
  };
  receive();
  const ask = (kind, payload) =>
    new Promise((resolve) => {
      lastId = (lastId + 1) >>> 0;
      inFlight.set(lastId, resolve);
      const head = Buffer.allocUnsafe(5);
      head[0] = kind;
      head.writeUInt32LE(lastId, 1);
      send([head, payload]);
    });
  const onewayHead = Buffer.from([KIND.oneway]);
  return {
    call: (payload) => ask(KIND.call, payload),
    oneway: (payload) => send([onewayHead, payload]),
    onewayCount: async () => Number(await ask(KIND.count, "")),
  };
}

/** zeromq allows one send at a time: the others wait in a queue. */
function sender(socket) {
  const queue = [];
  let busy = false;
  const run = async () => {
    busy = true;
    while (queue.length > 0) for (const message of queue.splice(0)) await socket.send(message);
    busy = false;
  };
  return (message) => {
    queue.push(message);
    if (!busy) run();
  };
}
