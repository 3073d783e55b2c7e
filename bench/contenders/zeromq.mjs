// DEALER -> ROUTER, pipelined; a sequence number in the first frame. The relay is zmq's own proxy.
import * as zmq from "zeromq";

const HWM = { sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 0 };
/** zeromq allows one send at a time: queue the rest */
function sender(sock) {
  const q = [];
  let busy = false;
  const run = async () => {
    busy = true;
    while (q.length) {
      const all = q.splice(0);
      for (const m of all) await sock.send(m);
    }
    busy = false;
  };
  return (m) => {
    q.push(m);
    if (!busy) run();
  };
}

export async function startServer(o) {
  const r = new zmq.Router(HWM);
  await r.bind(`tcp://${o.host}:${o.port}`);
  let oneways = 0;
  const send = sender(r);
  (async () => {
    for await (const m of r) {
      const body = m.pop();
      const head = m.pop();
      const k = head[0]; // what is left of m is the way back (two hops behind a proxy)
      if (k === 1) {
        if (!o.bytes) body.toString();
        if (o.handler) o.handler(body.toString()).then((v) => send([...m, head, v]));
        else send([...m, head, body]);
      } else if (k === 2) {
        body.toString();
        oneways++;
      } else send([...m, head, String(oneways)]);
    }
  })();
  return { port: o.port };
}

export async function startRelay(o) {
  const front = new zmq.Router(HWM);
  const back = new zmq.Dealer(HWM);
  await front.bind(`tcp://${o.host}:${o.port}`);
  back.connect(`tcp://${o.host}:${o.upstreamPort}`);
  new zmq.Proxy(front, back).run().catch(() => {});
}

export async function connect(o) {
  const d = new zmq.Dealer(HWM);
  d.connect(`tcp://${o.host}:${o.port}`);
  const send = sender(d);
  const pending = new Map();
  let seq = 0;
  (async () => {
    for await (const [head, body] of d) {
      const id = head.readUInt32LE(1);
      const f = pending.get(id);
      pending.delete(id);
      f(o.bytes ? body : body.toString());
    }
  })();
  const ask = (k, p) =>
    new Promise((r) => {
      const id = (seq = (seq + 1) >>> 0);
      pending.set(id, r);
      const head = Buffer.allocUnsafe(5);
      head[0] = k;
      head.writeUInt32LE(id, 1);
      send([head, p]);
    });
  const TWO = Buffer.from([2]);
  return {
    call: (p) => ask(1, p),
    oneway: (p) => {
      send([TWO, p]);
    },
    onewayCount: async () => Number(await ask(3, "")),
  };
}
