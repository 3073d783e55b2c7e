/** Certificates of a node, and whom it believes. Checked by `tls-credentials.ts` and `src/node/options.ts`. */

/** One or more certificates, or a key, as PEM: the text or the bytes of a file. */
export type Pem = string | Uint8Array;

/** TLS 1.3 between nodes. Give all nodes the same `ca`, and each its own `cert` and `key`. */
export interface TlsOptions {
  /** This node's certificate, behind it those of intermediate authorities. Nodes need one; an anonymous tool where `mutual` is asked of it. */
  cert?: Pem | undefined;
  /** The private key of `cert`. */
  key?: Pem | undefined;
  /** Opens an encrypted `key`. */
  passphrase?: string | undefined;
  /**
   * Authorities whose certificates are believed; several while they are exchanged. The system's own are never used.
   * A certificate is believed for the addresses that it names, `clusterts://cluster/1.2.3`. Without `ca` no certificate is
   * checked: the secrets prove who it is, and that nobody is in between.
   */
  ca?: Pem | readonly Pem[] | undefined;
  /**
   * Whether those that dial this node must present a certificate, too. Default: true where `ca` is given, else false; then
   * secrets prove who dials.
   */
  mutual?: boolean | undefined;
  /** Whether the certificate of a node must also name the host that was dialed. Default false: discovery gives endpoints, not names. */
  checkHostNames?: boolean | undefined;
}
