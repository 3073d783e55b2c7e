import { TcpTransport } from "../../src/transport/tcp.js";
import { transportContract } from "../contract/transport.js";

transportContract("TCP", () => {
  const transport = new TcpTransport();
  return { dialer: transport, listener: transport, endpoint: { host: "127.0.0.1", port: 0 } };
});
