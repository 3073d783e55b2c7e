import grpc from "@grpc/grpc-js";
import pb from "protobufjs";

const Echo = pb.parse('syntax="proto3"; package bench; message Echo { string msg = 1; bytes data = 2; }').root.lookupType("bench.Echo");
const ser = (m) => Echo.encode(m).finish();
const de = (b) => Echo.decode(b);
const method = (name, requestStream, responseStream) => ({
  path: `/bench.Bench/${name}`,
  requestStream,
  responseStream,
  requestSerialize: ser,
  requestDeserialize: de,
  responseSerialize: ser,
  responseDeserialize: de,
});
const Bench = {
  call: method("Call", false, false),
  stream: method("Stream", true, true),
  sink: method("Sink", true, false), // one-way messages and the bulk stream: a client stream
  count: method("Count", false, false),
};
const limits = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1, "grpc.max_concurrent_streams": 100000 };

export function startServer(o) {
  let oneways = 0;
  const s = new grpc.Server(limits);
  s.addService(Bench, {
    call: o.handler
      ? (c, cb) => {
          o.handler(c.request.msg).then((v) => cb(null, { msg: v }), cb);
        }
      : (c, cb) => cb(null, c.request),
    stream: (st) => {
      st.on("data", (m) => st.write(m));
      st.on("end", () => st.end());
      st.on("error", () => {});
    },
    sink: (st, cb) => {
      let n = 0;
      st.on("data", (m) => {
        oneways++;
        n += m.data.length;
      });
      st.on("end", () => cb(null, { msg: String(n) }));
      st.on("error", () => {});
    },
    count: (_c, cb) => cb(null, { msg: String(oneways) }),
  });
  return new Promise((res, rej) =>
    s.bindAsync(`${o.host}:${o.port}`, grpc.ServerCredentials.createInsecure(), (e) => (e ? rej(e) : res({ port: o.port }))),
  );
}

export async function connect(o) {
  const c = new (grpc.makeGenericClientConstructor(Bench, "Bench"))(`${o.host}:${o.port}`, grpc.credentials.createInsecure(), limits);
  await new Promise((res, rej) => c.waitForReady(Date.now() + 5000, (e) => (e ? rej(e) : res())));
  let post;
  const drain = (s) => new Promise((r) => s.once("drain", r));
  return {
    call: o.bytes
      ? (p) => new Promise((res, rej) => c.call({ data: p }, (e, m) => (e ? rej(e) : res(m.data))))
      : (p) => new Promise((res, rej) => c.call({ msg: p }, (e, m) => (e ? rej(e) : res(m.msg)))),
    oneway(p) {
      post ??= c.sink(() => {});
      if (!post.write({ msg: p })) return drain(post);
    },
    onewayCount: () => new Promise((res, rej) => c.count({}, (e, m) => (e ? rej(e) : res(Number(m.msg))))),
    async openStream() {
      if (o.scenario === "E2") {
        let done;
        const total = new Promise((r) => {
          done = r;
        });
        const st = c.sink((e, m) => done(e ? NaN : Number(m.msg)));
        return {
          write: (b) => (st.write({ data: b }) ? undefined : drain(st)),
          finish: () => {
            st.end();
            return total;
          },
        };
      }
      const st = c.stream();
      let want;
      st.on("data", (m) => want?.(m.data)).on("error", () => {});
      return {
        echo: (b) =>
          new Promise((r) => {
            want = r;
            st.write({ data: b });
          }),
        close: () =>
          new Promise((r) => {
            st.on("end", r);
            st.end();
          }),
      };
    },
  };
}
