/** The dialer's side of TLS handshakes, with one set of credentials. */
import { isIP, type Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { nodeTls } from "./node-tls-module.js";
import type { SecuringOutcome } from "./tls-connection.js";
import { contextOptions } from "./tls-context.js";
import type { TlsCredentials } from "./tls-credentials.js";
import { tlsFailure } from "./tls-error.js";
import { ALPN_PROTOCOL, judge } from "./tls-peer.js";

export class TlsDialer {
  readonly #credentials: TlsCredentials;
  readonly #context: SecureContext;

  constructor(credentials: TlsCredentials) {
    this.#credentials = credentials;
    this.#context = nodeTls().createSecureContext(contextOptions(credentials));
  }

  /** `host` is what was dialed: named in the ClientHello, and looked for in the certificate, only where that is asked for. */
  secure(raw: Socket, host: string, done: (outcome: SecuringOutcome) => void): void {
    const hostName = this.#credentials.checkHostNames ? host : undefined;
    const socket = nodeTls().connect({
      socket: raw,
      secureContext: this.#context,
      ALPNProtocols: [ALPN_PROTOCOL],
      // Examined here, so that the acceptor can be told, over TLS, what is wrong with its certificate.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(hostName !== undefined && isIP(hostName) === 0 && { servername: hostName }),
    });
    const onFailed = (error: Error): void => done({ type: "failed", error: tlsFailure("acceptor", error) });
    socket.once("error", onFailed);
    socket.once("secureConnect", () => {
      socket.off("error", onFailed);
      done(judge(socket, "acceptor", this.#credentials, hostName));
    });
  }
}
