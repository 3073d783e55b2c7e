// Multiplexed streams only (yamux-js over net.Socket).

import { createRequire } from "node:module";
import net from "node:net";

const require = createRequire(import.meta.url);
const { Server, Client } = require("yamux-js");
const conf = { enableKeepAlive: false, acceptBacklog: 1e9, logger() {} };

export function startServer(o) {
  const server = net.createServer({ noDelay: true }, (sock) => {
    const mux = new Server((st) => {
      if (o.scenario === "E2") {
        let n = 0;
        st.on("data", (d) => {
          n += d.length;
          if (n >= 0 && d[d.length - 1] === 33) st.write(String(n - 1));
        });
      } else st.on("data", (d) => st.write(d));
      st.on("end", () => st.end()).on("error", () => {});
    }, conf);
    mux.on("error", () => {});
    sock.on("error", () => {});
    sock.pipe(mux).pipe(sock);
  });
  return new Promise((res) => server.listen(o.port, o.host, () => res({ port: o.port })));
}

export async function connect(o) {
  const sock = net.connect({ port: o.port, host: o.host, noDelay: true });
  await new Promise((r) => sock.once("connect", r));
  const mux = new Client(conf);
  mux.on("error", () => {});
  mux.pipe(sock).pipe(mux);
  return {
    async openStream() {
      const st = mux.open();
      let want;
      st.on("data", (d) => {
        want?.(d);
        want = undefined;
      });
      st.on("error", () => {});
      return {
        echo: (b) =>
          new Promise((r) => {
            want = r;
            st.write(b);
          }),
        close: () => {
          st.end();
        },
        write: (b) => (st.write(b) ? undefined : new Promise((r) => st.once("drain", r))),
        finish: () =>
          new Promise((r) => {
            want = (d) => r(Number(String(d)));
            st.write("!");
          }),
      };
    },
  };
}
