/** The certificates of certificates/make.sh: an authority's, or one with its key. */
import { readFileSync } from "node:fs";
import { readTlsOptions, type TlsCredentials } from "../../src/transport/tls-credentials.js";
import type { TlsOptions } from "../../src/transport/tls-options.js";

/** The authority that nodes of the tests believe. */
export const AUTHORITY = pem("authority");
export const OTHER_AUTHORITY = pem("other-authority");

/** The options of a node that presents the certificate `name`, and believes {@link AUTHORITY}. */
export function certified(name: string, rest: TlsOptions = {}): TlsOptions {
  return { ca: AUTHORITY, ...keyPair(name), ...rest };
}

export function keyPair(name: string): { cert: string; key: string } {
  const text = pem(name);
  const keyAt = text.search(/-----BEGIN (?:ENCRYPTED )?PRIVATE KEY/);
  return { cert: text.slice(0, keyAt), key: text.slice(keyAt) };
}

export function credentialsOf(options: TlsOptions): TlsCredentials {
  const reading = readTlsOptions(options);
  if (reading.type === "faults") throw new Error(reading.faults.join("; "));
  return reading.credentials;
}

function pem(name: string): string {
  return readFileSync(new URL(`certificates/${name}.pem`, import.meta.url), "utf8");
}
