/** A client over TCP or TLS. */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { formatEndpoint, parseEndpoint } from "../../addr/endpoint.js";
import { describeCause } from "../../internal/describe-cause.js";

export interface TcpDialOptions {
  /** TLS. `ca`: authorities to believe in place of the system's; `serverName`: the name in the certificate. Default: the host that is dialed. */
  tls?: { ca?: string | Uint8Array | undefined; serverName?: string | undefined } | undefined;
  /** Milliseconds until it has to stand, TLS included. Default 10,000. */
  timeoutMs?: number | undefined;
}

/** Dials `endpoint`, `host:port`. Either side may end what it has to say and go on to listen. @throws Error saying why not. */
export function dialTcp(endpoint: string, { tls, timeoutMs = 10_000 }: TcpDialOptions = {}): Promise<Socket> {
  const { host, port } = parseEndpoint(endpoint);
  const common = { host, port, allowHalfOpen: true, noDelay: true };
  const serverName = tls?.serverName ?? (isIP(host) === 0 ? host : undefined);
  const ca = tls?.ca === undefined || typeof tls.ca === "string" ? tls?.ca : Buffer.from(tls.ca);
  const socket: Socket =
    tls === undefined
      ? connect(common)
      : connectTls({ ...common, ...(ca !== undefined && { ca }), ...(serverName !== undefined && { servername: serverName }) });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
    const failed = (cause: Error): void => {
      clearTimeout(timer);
      reject(new Error(`dial ${formatEndpoint({ host, port })}: ${describeCause(cause)}`, { cause }));
    };
    socket.once("error", failed);
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      clearTimeout(timer);
      socket.off("error", failed);
      resolve(socket);
    });
  });
}
