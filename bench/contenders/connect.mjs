import http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport } from "@connectrpc/connect-node";
import { Bench, create, EchoSchema } from "../fixtures/echo-es.mjs";

export function startServer(o) {
  let oneways = 0;
  const server = http2.createServer(
    { settings: { maxConcurrentStreams: 100000 } },
    connectNodeAdapter({
      routes: (r) =>
        r.service(Bench, {
          call: o.handler
            ? async (q) => create(EchoSchema, { msg: await o.handler(q.msg) })
            : (q) =>
                q.msg === "?count"
                  ? create(EchoSchema, { msg: String(oneways) })
                  : create(EchoSchema, q.msg ? { msg: q.msg } : { data: q.data }),
          stream: async function* (qs) {
            for await (const q of qs) yield create(EchoSchema, { data: q.data });
          },
          post: async (qs) => {
            for await (const _q of qs) oneways++;
            return create(EchoSchema, {});
          },
          sink: async (qs) => {
            let n = 0;
            for await (const q of qs) n += q.data.length;
            return create(EchoSchema, { msg: String(n) });
          },
        }),
    }),
  );
  return new Promise((res) => server.listen(o.port, o.host, () => res({ port: o.port })));
}

/** an async iterable that is pushed to */
function pushable() {
  const items = [];
  let wake,
    taken,
    closed = false;
  return {
    push(v) {
      items.push(v);
      wake?.();
      wake = undefined;
      if (items.length > 64)
        return new Promise((r) => {
          taken = r;
        });
    },
    end() {
      closed = true;
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (items.length) {
          const v = items.shift();
          if (items.length < 32) {
            taken?.();
            taken = undefined;
          }
          yield v;
        }
        if (closed) return;
        await new Promise((r) => {
          wake = r;
        });
      }
    },
  };
}

export async function connect(o) {
  const t = createConnectTransport({ baseUrl: `http://${o.host}:${o.port}`, httpVersion: "2", useBinaryFormat: true });
  const c = createClient(Bench, t);
  let post;
  return {
    call: o.bytes ? async (p) => (await c.call({ data: p })).data : async (p) => (await c.call({ msg: p })).msg,
    oneway(p) {
      if (!post) {
        post = pushable();
        c.post(post);
      }
      return post.push({ msg: p });
    },
    onewayCount: async () => Number((await c.call({ msg: "?count" })).msg),
    async openStream() {
      const q = pushable();
      if (o.scenario === "E2") {
        const total = c.sink(q);
        return {
          write: (b) => q.push({ data: b }),
          finish: async () => {
            q.end();
            return Number((await total).msg);
          },
        };
      }
      const it = c.stream(q)[Symbol.asyncIterator]();
      return {
        echo: async (b) => {
          q.push({ data: b });
          return (await it.next()).value.data;
        },
        close: async () => {
          q.end();
          await it.next();
        },
      };
    },
  };
}
