/** What both sides give to OpenSSL. */
import { constants } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import { asBuffer } from "../internal/as-buffer.js";
import type { TlsCredentials } from "./tls-credentials.js";
import type { Pem } from "./tls-options.js";

export function contextOptions({ ca, cert, key, passphrase }: TlsCredentials): SecureContextOptions {
  return {
    ...(cert !== undefined && { cert: pemBuffer(cert) }),
    ...(key !== undefined && { key: pemBuffer(key) }),
    ...(passphrase !== undefined && { passphrase }),
    // Also when it is empty: what is left out stands for the system's own authorities.
    ca: ca.map(pemBuffer),
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    // No tickets: a resumed session would carry on what an exchanged certificate has ended, and links live long.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

export function pemBuffer(pem: Pem): Buffer {
  return typeof pem === "string" ? Buffer.from(pem) : asBuffer(pem);
}
