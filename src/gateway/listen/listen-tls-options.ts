/** Certificate of a listener that clients dial; they are not asked for one. */
export interface ListenTlsOptions {
  /** As PEM, behind it those of intermediate authorities. */
  cert: string | Uint8Array;
  /** Its private key, as PEM. */
  key: string | Uint8Array;
  passphrase?: string | undefined;
}
