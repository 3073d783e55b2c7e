/** The acceptor's side of TLS handshakes, with one set of credentials. */
import type { Socket } from "node:net";
import type { Server, TLSSocket } from "node:tls";
import { nodeTls } from "./node-tls-module.js";
import type { SecuringOutcome } from "./tls-connection.js";
import { contextOptions } from "./tls-context.js";
import type { TlsCredentials } from "./tls-credentials.js";
import { TlsError, tlsFailure } from "./tls-error.js";
import { ALPN_PROTOCOL, judge } from "./tls-peer.js";

/** First byte of a TLS record that holds a handshake message: nothing else begins a TLS connection. */
const HANDSHAKE_RECORD = 0x16;

type Done = (outcome: SecuringOutcome) => void;

export class TlsAcceptor {
  readonly #credentials: TlsCredentials;
  /** Listens nowhere; sockets are handed to it. Node.js checks certificates of dialers nowhere else. */
  readonly #server: Server;
  /** Handshakes under way, by the two ends of their connections. */
  readonly #handshakes = new Map<string, Done>();

  constructor(credentials: TlsCredentials) {
    this.#credentials = credentials;
    this.#server = nodeTls().createServer({
      ...contextOptions(credentials),
      ALPNProtocols: [ALPN_PROTOCOL],
      requestCert: credentials.mutual,
      // Examined here, so that the dialer can be told, over TLS, what is wrong with its certificate.
      rejectUnauthorized: false,
    });
    this.#server.on("secureConnection", (socket) => this.#onSecured(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#onFailed(error, socket));
  }

  /** Waits for the first bytes, so that plain text is told from TLS and can be answered as such. */
  secure(raw: Socket, done: Done): void {
    const onReadable = (): void => {
      const first: Uint8Array | null = raw.read();
      if (first === null) return; // it has ended; its close tells
      raw.off("readable", onReadable);
      if (first[0] !== HANDSHAKE_RECORD) {
        const error = new TlsError("plainText", "this port takes TLS only, and what came is none");
        return done({ type: "refused", error, socket: raw, said: first });
      }
      raw.unshift(first);
      this.#handshake(raw, done);
    };
    raw.on("readable", onReadable);
  }

  #handshake(raw: Socket, done: Done): void {
    const ends = endsOf(raw);
    if (ends === undefined) return done({ type: "failed", error: undefined });
    this.#handshakes.set(ends, done);
    raw.once("close", () => {
      if (this.#handshakes.get(ends) === done) this.#handshakes.delete(ends);
    });
    this.#server.emit("connection", raw);
  }

  #onSecured(socket: TLSSocket): void {
    const done = this.#take(socket);
    if (done === undefined) return void socket.destroy(); // lost in this very moment
    done(judge(socket, "dialer", this.#credentials, undefined));
  }

  #onFailed(error: Error, socket: TLSSocket): void {
    this.#take(socket)?.({ type: "failed", error: tlsFailure("dialer", error) });
  }

  #take(socket: TLSSocket): Done | undefined {
    const ends = endsOf(socket);
    if (ends === undefined) return undefined;
    const done = this.#handshakes.get(ends);
    this.#handshakes.delete(ends);
    return done;
  }
}

/** No two connections of a process that are open at once have the same. `undefined` for one that is lost already. */
function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string | undefined {
  if (localAddress === undefined || remoteAddress === undefined) return undefined;
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
