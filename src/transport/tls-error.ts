/** What goes wrong with TLS before a connection carries anything, in words: OpenSSL's own are made for its authors. */

/**
 * `certificate`: one that is not believed. `plainText`: the other side speaks no TLS. `protocol`: it speaks TLS, but not
 * in a way that nodes do.
 */
export type TlsErrorKind = "certificate" | "plainText" | "protocol";

export class TlsError extends Error {
  override readonly name = "TlsError";
  readonly kind: TlsErrorKind;

  constructor(kind: TlsErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** Whose certificate, or whose end of the connection. */
export type Side = "dialer" | "acceptor";

export const SIDE_NAME: Readonly<Record<Side, string>> = { dialer: "the dialer", acceptor: "the node at that endpoint" };

/** What a certificate says of itself; nothing of it is believed here. */
export interface CertificateFacts {
  readonly subject: string;
  /** As X.509 prints it: `Nov 20 16:25:17 2026 GMT`. */
  readonly validFrom: string;
  readonly validTo: string;
}

const NOT_BELIEVED: Readonly<Record<string, (facts: CertificateFacts) => string>> = {
  CERT_HAS_EXPIRED: ({ validTo }) => `expired at ${dateOf(validTo)}`,
  CERT_NOT_YET_VALID: ({ validFrom }) => `is not valid before ${dateOf(validFrom)}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: () => "is signed by nobody but itself",
  SELF_SIGNED_CERT_IN_CHAIN: () => OTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: () => OTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: () => OTHER_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: () => OTHER_AUTHORITY,
  CERT_SIGNATURE_FAILURE: () => OTHER_AUTHORITY,
  INVALID_PURPOSE: () => "is not made for this use: its extended key usage needs clientAuth and serverAuth, or none",
  INVALID_CA: () => "is signed by a certificate that is no authority's",
};

const OTHER_AUTHORITY = "is of an authority that is not in tls.ca";

/** Why a certificate is not believed. `code` is OpenSSL's, such as CERT_HAS_EXPIRED. */
export function notBelieved(side: Side, code: string, facts: CertificateFacts | undefined): TlsError {
  if (facts === undefined) return new TlsError("certificate", `${SIDE_NAME[side]} presents no certificate`);
  const problem = NOT_BELIEVED[code]?.(facts) ?? `is not believed: ${code.toLowerCase().replaceAll("_", " ")}`;
  return new TlsError("certificate", `the certificate of ${SIDE_NAME[side]} (${JSON.stringify(shownSubject(facts.subject))}) ${problem}`);
}

/** Longest subject that stands in a message: a stranger's certificate says what it likes. */
const MAX_SUBJECT = 120;

export function shownSubject(subject: string): string {
  const line = subject.trim().replace(/[\p{Cc}\u2028\u2029]+/gu, ", ");
  return line.length > MAX_SUBJECT ? `${line.slice(0, MAX_SUBJECT)}...` : line;
}

/** An X.509 time as ISO 8601, to the second. What is no time stays as it is. */
export function dateOf(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** Behind the name of the peer. */
const FAILURES: Readonly<Record<string, readonly [TlsErrorKind, string]>> = {
  WRONG_VERSION_NUMBER: ["plainText", "does not speak TLS"],
  PACKET_LENGTH_TOO_LONG: ["plainText", "does not speak TLS"], // the same, by OpenSSL 3.5 and for some first bytes
  UNSUPPORTED_PROTOCOL: ["protocol", "speaks no TLS 1.3"],
  NO_APPLICATION_PROTOCOL: ["protocol", "speaks TLS, but wants another protocol over it than clusterts"],
  NO_SHARED_CIPHER: ["protocol", "has no cipher in common with this node"],
  NO_SUITABLE_SIGNATURE_ALGORITHM: ["protocol", "has no signature algorithm in common with this node"],
  NO_SUITABLE_KEY_SHARE: ["protocol", "has no key exchange in common with this node"],
};

const CERTIFICATE_ALERT = /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED/;

/**
 * What `error` of a TLS handshake with a peer at `side` means. `undefined`: nothing of TLS, the connection was lost, and the error says how.
 * Alerts are the peer's reason, by their names in RFC 8446.
 */
export function tlsFailure(side: Side, error: Error): TlsError | undefined {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const name = /^ERR_SSL_(.+)$/.exec(code)?.[1];
  if (name === undefined) return undefined;
  const alert = /^(?:SSLV3|TLSV1|TLSV13)_ALERT_(.+)$/.exec(name)?.[1];
  if (alert !== undefined) {
    const kind = CERTIFICATE_ALERT.test(alert) ? "certificate" : "protocol";
    return new TlsError(kind, `the peer ended the TLS handshake: ${words(alert)}`, error);
  }
  const known = FAILURES[name];
  if (known !== undefined) return new TlsError(known[0], `${SIDE_NAME[side]} ${known[1]}`, error);
  return new TlsError("protocol", `the TLS handshake failed: ${words(name)}`, error);
}

function words(name: string): string {
  return name.toLowerCase().replaceAll("_", " ");
}
