/** What the transport itself refuses, before there is an opening: in the opening's words, for this side and for the peer. */
import { TlsError, type TlsErrorKind } from "../transport/tls-error.js";
import { encodeRecord, encodeRefusal, RECORD, REFUSAL } from "../wire/hello.js";
import { PREFACE } from "../wire/limits.js";
import { HandshakeError, type RefusalName } from "./handshake-error.js";
import { looksLikeHttp } from "./record-reader.js";

const HTTP_TEXT = "This port speaks the clusterts protocol, not HTTP.\n";

/** For whoever looks at the port with a browser. */
export const HTTP_REFUSAL: Uint8Array = Buffer.from(
  `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${HTTP_TEXT.length}\r\n\r\n${HTTP_TEXT}`,
  "latin1",
);

const REASON: Readonly<Record<TlsErrorKind, RefusalName>> = { certificate: "identity", plainText: "insecure", protocol: "malformed" };

/** Why an opening failed whose connection closed with `error`. */
export function ofTransport(error: Error): Error {
  return error instanceof TlsError ? new HandshakeError(REASON[error.kind], error.message) : error;
}

/** Last words for a peer that the transport refuses; `said` is what it has said, in plain text. */
export function transportRefusal(error: TlsError, said: Uint8Array | undefined): Uint8Array {
  if (said !== undefined && looksLikeHttp(said)) return HTTP_REFUSAL;
  return Buffer.concat([Uint8Array.from(PREFACE), encodeRecord(RECORD.refused, encodeRefusal(REFUSAL[REASON[error.kind]], error.message))]);
}
