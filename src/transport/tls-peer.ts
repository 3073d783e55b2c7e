/** Whether a peer is believed, once its TLS handshake is done, and what is known of it then. */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import { codeOf } from "../internal/describe-cause.js";
import type { PeerCredentials } from "./socket-connection.js";
import { urisOf } from "./subject-alt-names.js";
import type { SecuringOutcome } from "./tls-connection.js";
import type { TlsCredentials } from "./tls-credentials.js";
import { notBelieved, SIDE_NAME, type Side, shownSubject, TlsError } from "./tls-error.js";

/** What both sides name in ALPN (RFC 7301): whoever wants another protocol over TLS is turned away before it says a word. */
export const ALPN_PROTOCOL = "clusterts";

/** Key material that only the two ends of this very connection have (docs/protocol.md, "Proofs"). */
const EXPORTER_LABEL = "EXPORTER-clusterts-opening";
const EXPORTER_BYTES = 32;

/** What a handshake that is done has come to. `hostName`: what the peer's certificate must name, besides. */
export function judge(socket: TLSSocket, side: Side, credentials: TlsCredentials, hostName: string | undefined): SecuringOutcome {
  if (socket.destroyed) return { type: "failed", error: undefined };
  try {
    return { type: "secure", socket, peer: examinePeer(socket, side, credentials, hostName) };
  } catch (cause) {
    const error = cause instanceof TlsError ? cause : new TlsError("protocol", "the TLS handshake cannot be examined", cause);
    return { type: "refused", error, socket, said: undefined };
  }
}

/**
 * Looks at the peer, which is `side` of the connection.
 *
 * @throws {@link TlsError} when it is not to be spoken to.
 */
function examinePeer(socket: TLSSocket, side: Side, credentials: TlsCredentials, hostName: string | undefined): PeerCredentials {
  if (socket.getProtocol() !== "TLSv1.3") throw new TlsError("protocol", `${SIDE_NAME[side]} speaks no TLS 1.3`);
  if (socket.alpnProtocol !== ALPN_PROTOCOL) {
    throw new TlsError("protocol", `${SIDE_NAME[side]} speaks TLS, but not clusterts over it`);
  }
  // Never offered: a resumed session would carry on what an exchanged certificate has ended.
  if (socket.isSessionReused()) throw new TlsError("protocol", `${SIDE_NAME[side]} resumed a session that nobody offered`);
  const isChecked = side === "acceptor" ? credentials.ca.length > 0 : credentials.mutual;
  const channelBinding = socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
  if (!isChecked) return { identity: undefined, channelBinding };
  const certificate = socket.getPeerX509Certificate();
  // OpenSSL has followed the chain, Node.js tells the result; the type of the error is not what its types say.
  if (certificate === undefined || !socket.authorized) throw notBelieved(side, errorCode(socket.authorizationError), certificate);
  if (hostName !== undefined) checkHost(certificate, hostName);
  return { identity: { uris: urisOf(certificate.subjectAltName), subject: shownSubject(certificate.subject) }, channelBinding };
}

/** The certificate is asked, and not the socket: once it has given it as `X509Certificate`, it may have none any more. */
function checkHost(certificate: X509Certificate, hostName: string): void {
  const isNamed = isIP(hostName) === 0 ? certificate.checkHost(hostName, { subject: "never" }) : certificate.checkIP(hostName);
  if (isNamed !== undefined) return;
  throw new TlsError("certificate", `the certificate of ${SIDE_NAME.acceptor} does not name the host "${hostName}"`);
}

function errorCode(error: unknown): string {
  if (error instanceof Error) return codeOf(error) ?? error.message;
  return String(error);
}
