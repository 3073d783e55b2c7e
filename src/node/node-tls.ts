/** The TLS of one node: its options checked against what else the node is, its transport, and what is in force now. */
import { ANONYMOUS, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { InvalidOptionsError } from "../errors.js";
import type { Clock } from "../internal/clock.js";
import type { Logger } from "../internal/logger.js";
import { addressUri, namesAddress } from "../link/handshake-identity.js";
import { transportRefusal } from "../link/transport-refusal.js";
import { TlsTransport } from "../transport/tls.js";
import { type OwnCertificate, readTlsOptions, type TlsCredentials } from "../transport/tls-credentials.js";
import type { TlsOptions } from "../transport/tls-options.js";
import type { TlsInForce } from "./options.js";

/** Whose TLS it is. */
export interface TlsOwner {
  /** `ANONYMOUS`: it dials and is never dialed. */
  readonly address: LogicalAddress;
  readonly cluster: string;
  readonly insecure: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class NodeTls implements TlsInForce {
  readonly transport: TlsTransport;
  readonly #owner: TlsOwner;
  #secrets: readonly string[];
  #options: TlsOptions;

  /** @throws {@link InvalidOptionsError} listing every fault. */
  constructor(options: TlsOptions, owner: TlsOwner, secrets: readonly string[]) {
    this.#owner = owner;
    this.#secrets = secrets;
    this.#options = options;
    this.transport = new TlsTransport(this.#read(options), { clock: owner.clock, refusal: transportRefusal });
    this.#warnOfTime();
  }

  get isMutual(): boolean {
    return this.transport.credentials.mutual;
  }

  get certificate(): OwnCertificate | undefined {
    return this.transport.credentials.own;
  }

  get options(): TlsOptions {
    return this.#options;
  }

  replace(options: TlsOptions): void {
    this.transport.replace(this.#read(options));
    this.#options = options;
    this.#warnOfTime();
  }

  useSecrets(secrets: readonly string[]): void {
    const faults = strangersFaults(this.transport.credentials, this.#owner, secrets);
    if (faults.length > 0) throw new InvalidOptionsError("secrets", faults);
    this.#secrets = secrets;
  }

  #read(options: TlsOptions): TlsCredentials {
    const reading = readTlsOptions(options);
    const faults =
      reading.type === "faults"
        ? reading.faults.map((fault) => `tls.${fault}`)
        : [...certificateFaults(reading.credentials, this.#owner), ...strangersFaults(reading.credentials, this.#owner, this.#secrets)];
    if (reading.type === "faults" || faults.length > 0) throw new InvalidOptionsError("node options", faults);
    return reading.credentials;
  }

  /** It may still be exchanged in time, or the clock be wrong: the node runs, and its peers decide. */
  #warnOfTime(): void {
    const { address, clock, logger } = this.#owner;
    const { certificate } = this;
    if (certificate === undefined) return;
    const now = clock.wallClock();
    const { validFrom, validUntil } = certificate;
    const problem =
      now > Date.parse(validUntil)
        ? `expired at ${validUntil}`
        : now < Date.parse(validFrom)
          ? `is not valid before ${validFrom}`
          : undefined;
    if (problem !== undefined)
      logger.warn({ certificate }, `the certificate of ${formatAddress(address)} ${problem}: peers will refuse it`);
  }
}

/** Those of this node's own certificate: its peers would find them one by one. */
function certificateFaults({ ca, own }: TlsCredentials, { address, cluster }: TlsOwner): readonly string[] {
  if (own === undefined)
    return address === ANONYMOUS ? [] : ["tls.cert: a node is dialed, and must present a certificate; give cert and key"];
  if (ca.length === 0 || namesAddress(own.uris, cluster, address)) return [];
  return [`tls.cert: it does not name ${addressUri(cluster, address)} among its subject alternative names`];
}

/** Who would be let in, or spoken to, without having proved anything. */
function strangersFaults({ ca, mutual }: TlsCredentials, { address, insecure }: TlsOwner, secrets: readonly string[]): readonly string[] {
  if (secrets.length > 0 || insecure) return [];
  if (ca.length === 0) return ["tls: without ca no certificate is checked, so secrets must prove who is there; give ca, or secrets"];
  if (!mutual && address !== ANONYMOUS) return ["tls: without mutual nobody knows who dials; give secrets, or leave mutual out"];
  return [];
}
