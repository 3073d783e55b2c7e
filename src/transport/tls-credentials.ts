/** TLS options, read and checked: what both sides of a handshake need. Replaced as a whole when certificates are exchanged. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { urisOf } from "./subject-alt-names.js";
import { pemBuffer } from "./tls-context.js";
import { dateOf, shownSubject } from "./tls-error.js";
import type { Pem, TlsOptions } from "./tls-options.js";

/** This node's own certificate, for messages and status. */
export interface OwnCertificate {
  readonly subject: string;
  readonly uris: readonly string[];
  /** SHA-256 of the certificate: tells a renewed one from the one before. */
  readonly fingerprint256: string;
  /** ISO 8601, to the second. */
  readonly validFrom: string;
  readonly validUntil: string;
}

export interface TlsCredentials {
  readonly cert: Pem | undefined;
  readonly key: Pem | undefined;
  readonly passphrase: string | undefined;
  /** None: certificates are not checked. */
  readonly ca: readonly Pem[];
  readonly mutual: boolean;
  readonly checkHostNames: boolean;
  readonly own: OwnCertificate | undefined;
}

export type TlsReading =
  | { readonly type: "credentials"; readonly credentials: TlsCredentials }
  /** Each begins with the option that it is about: `cert: ...`. */
  | { readonly type: "faults"; readonly faults: readonly string[] };

const CERTIFICATES = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Reads and checks `options`, without looking at the time: a certificate that has expired is the peers' to refuse. */
export function readTlsOptions(options: TlsOptions): TlsReading {
  const { cert, key, passphrase } = options;
  const faults: string[] = [];
  const ca = options.ca === undefined ? [] : Array.isArray(options.ca) ? (options.ca as readonly Pem[]) : [options.ca as Pem];
  if (options.ca !== undefined && ca.length === 0) faults.push("ca: an empty list believes nobody; leave it out, or name an authority");
  for (const [index, authority] of ca.entries()) {
    const problem = authorityFault(authority);
    if (problem !== undefined) faults.push(`ca${ca.length === 1 ? "" : `.${index}`}: ${problem}`);
  }
  if ((cert === undefined) !== (key === undefined))
    faults.push(cert === undefined ? "cert: it is missing beside key" : "key: it is missing beside cert");
  const leaf = cert === undefined ? undefined : readLeaf(cert, faults);
  if (leaf !== undefined && key !== undefined) checkKey(leaf, key, passphrase, faults);
  const mutual = options.mutual ?? ca.length > 0;
  if (mutual && ca.length === 0) faults.push("mutual: without ca there is nobody whose certificates could be believed");
  if (options.checkHostNames === true && ca.length === 0) faults.push("checkHostNames: without ca certificates are not checked");
  if (faults.length > 0) return { type: "faults", faults };
  const own = leaf && {
    subject: shownSubject(leaf.subject),
    uris: urisOf(leaf.subjectAltName),
    fingerprint256: leaf.fingerprint256,
    validFrom: dateOf(leaf.validFrom),
    validUntil: dateOf(leaf.validTo),
  };
  const checkHostNames = options.checkHostNames ?? false;
  return { type: "credentials", credentials: Object.freeze({ cert, key, passphrase, ca, mutual, checkHostNames, own }) };
}

function readLeaf(cert: Pem, faults: string[]): X509Certificate | undefined {
  try {
    return new X509Certificate(cert);
  } catch {
    faults.push(`cert: ${NO_CERTIFICATE}`);
    return undefined;
  }
}

function checkKey(leaf: X509Certificate, key: Pem, passphrase: string | undefined, faults: string[]): void {
  try {
    const format = { key: pemBuffer(key), format: "pem", ...(passphrase !== undefined && { passphrase }) } as const;
    if (!leaf.checkPrivateKey(createPrivateKey(format))) faults.push("key: it is not the key of cert");
  } catch {
    // OpenSSL's own words name neither the option nor the reason; a wrong passphrase reads as damage.
    faults.push("key: expected a private key as PEM, and its passphrase where it has one");
  }
}

const NO_CERTIFICATE = "expected a certificate as PEM, with -----BEGIN CERTIFICATE-----";

function authorityFault(pem: Pem): string | undefined {
  const blocks = pemBuffer(pem).toString("latin1").match(CERTIFICATES) ?? [];
  if (blocks.length === 0) return NO_CERTIFICATE;
  for (const block of blocks) {
    try {
      if (!new X509Certificate(block).ca) return "this certificate is no authority's: it lacks CA:TRUE in its basic constraints";
    } catch {
      return "a certificate in it cannot be read";
    }
  }
  return undefined;
}
