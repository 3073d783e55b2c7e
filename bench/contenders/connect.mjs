/** connect-node over HTTP/2 with protobuf-es. One-way messages and the bulk stream are client streams. */
import http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport } from "@connectrpc/connect-node";
import { Bench, create, EchoSchema } from "../fixtures/echo-es.mjs";

const echo = (init) => create(EchoSchema, init);
const HIGH_WATER = 64; // messages waiting in a Pushable before its sender has to wait
const LOW_WATER = 32;

export function startServer({ host, port, handler }) {
  let oneways = 0;
  const answer = ({ msg, data }) => {
    if (msg === "?count") return echo({ msg: String(oneways) });
    return echo(msg ? { msg } : { data });
  };
  const routes = (router) =>
    router.service(Bench, {
      call: handler ? async ({ msg }) => echo({ msg: await handler(msg) }) : answer,
      async *stream(requests) {
        for await (const { data } of requests) yield echo({ data });
      },
      async post(requests) {
        for await (const _ of requests) oneways++;
        return echo({});
      },
      async sink(requests) {
        let bytes = 0;
        for await (const { data } of requests) bytes += data.length;
        return echo({ msg: String(bytes) });
      },
    });
  const server = http2.createServer({ settings: { maxConcurrentStreams: 100_000 } }, connectNodeAdapter({ routes }));
  return new Promise((resolve) => server.listen(port, host, resolve));
}

export async function connect({ host, port, bytes, scenario }) {
  const transport = createConnectTransport({ baseUrl: `http://${host}:${port}`, httpVersion: "2", useBinaryFormat: true });
  const client = createClient(Bench, transport);
  let oneways;
  return {
    call: bytes ? (data) => client.call({ data }) : (msg) => client.call({ msg }),
    payloadOf: bytes ? (reply) => reply.data : (reply) => reply.msg,
    oneway(msg) {
      if (oneways === undefined) {
        oneways = new Pushable();
        client.post(oneways);
      }
      return oneways.push({ msg });
    },
    onewayCount: async () => Number((await client.call({ msg: "?count" })).msg),
    openStream: async () => (scenario.startsWith("E2") ? bulkStream(client) : echoStream(client)),
  };
}

function bulkStream(client) {
  const requests = new Pushable();
  const reply = client.sink(requests);
  return {
    write: (data) => requests.push({ data }),
    async finish() {
      requests.end();
      return Number((await reply).msg);
    },
  };
}

function echoStream(client) {
  const requests = new Pushable();
  const replies = client.stream(requests)[Symbol.asyncIterator]();
  return {
    async echo(data) {
      requests.push({ data });
      return (await replies.next()).value.data;
    },
    async close() {
      requests.end();
      await replies.next();
    },
  };
}

/** An async iterable that is pushed to. */
class Pushable {
  #items = [];
  #wake;
  #taken;
  #ended = false;

  /** A promise when the sender should wait. */
  push(item) {
    this.#items.push(item);
    this.#wake?.();
    if (this.#items.length <= HIGH_WATER) return;
    return new Promise((resolve) => {
      this.#taken = resolve;
    });
  }

  end() {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#items.length > 0) {
        const item = this.#items.shift();
        if (this.#items.length < LOW_WATER) this.#taken?.();
        yield item;
      }
      if (this.#ended) return;
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
