/** @grpc/grpc-js with protobufjs. One-way messages and the bulk stream are a client stream. */
import grpc from "@grpc/grpc-js";
import protobuf from "protobufjs";

const Echo = protobuf
  .parse('syntax="proto3"; package bench; message Echo { string msg = 1; bytes data = 2; }')
  .root.lookupType("bench.Echo");
const encode = (message) => Echo.encode(message).finish();
const decode = (bytes) => Echo.decode(bytes);
const method = (name, requestStream, responseStream) => ({
  path: `/bench.Bench/${name}`,
  requestStream,
  responseStream,
  requestSerialize: encode,
  requestDeserialize: decode,
  responseSerialize: encode,
  responseDeserialize: decode,
});
const Bench = {
  call: method("Call", false, false),
  stream: method("Stream", true, true),
  sink: method("Sink", true, false),
  count: method("Count", false, false),
};
const LIMITS = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc.max_concurrent_streams": 100_000,
};
const ignore = () => {}; // a stream's error: the runner ends the other side without warning

export function startServer({ host, port, handler }) {
  let received = 0;
  const server = new grpc.Server(LIMITS);
  server.addService(Bench, {
    call: handler
      ? (call, reply) => handler(call.request.msg).then((msg) => reply(null, { msg }), reply)
      : (call, reply) => reply(null, call.request),
    stream(stream) {
      stream.on("data", (message) => stream.write(message));
      stream.on("end", () => stream.end());
      stream.on("error", ignore);
    },
    sink(stream, reply) {
      let bytes = 0;
      stream.on("data", (message) => {
        received++;
        bytes += message.data.length;
      });
      stream.on("end", () => reply(null, { msg: String(bytes) }));
      stream.on("error", ignore);
    },
    count: (_call, reply) => reply(null, { msg: String(received) }),
  });
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
}

export async function connect({ host, port, bytes, scenario }) {
  const Client = grpc.makeGenericClientConstructor(Bench, "Bench");
  const client = new Client(`${host}:${port}`, grpc.credentials.createInsecure(), LIMITS);
  await new Promise((resolve, reject) => client.waitForReady(Date.now() + 5000, (error) => (error ? reject(error) : resolve())));
  const ask = (name, request) =>
    new Promise((resolve, reject) => client[name](request, (error, reply) => (error ? reject(error) : resolve(reply))));
  const written = (stream, message) => (stream.write(message) ? undefined : new Promise((resolve) => stream.once("drain", resolve)));
  let oneways;
  return {
    call: bytes ? (data) => ask("call", { data }) : (msg) => ask("call", { msg }),
    payloadOf: bytes ? (reply) => reply.data : (reply) => reply.msg,
    oneway(msg) {
      oneways ??= client.sink(ignore);
      return written(oneways, { msg });
    },
    onewayCount: async () => Number((await ask("count", {})).msg),
    openStream: async () => (scenario.startsWith("E2") ? bulkStream(client, written) : echoStream(client)),
  };
}

function bulkStream(client, written) {
  let stream;
  const counted = new Promise((resolve, reject) => {
    stream = client.sink((error, reply) => (error ? reject(error) : resolve(Number(reply.msg))));
  });
  return {
    write: (data) => written(stream, { data }),
    finish() {
      stream.end();
      return counted;
    },
  };
}

function echoStream(client) {
  const stream = client.stream();
  let want;
  stream.on("data", (message) => want?.(message.data)).on("error", ignore);
  return {
    echo: (data) =>
      new Promise((resolve) => {
        want = resolve;
        stream.write({ data });
      }),
    close: () =>
      new Promise((resolve) => {
        stream.on("end", resolve);
        stream.end();
      }),
  };
}
