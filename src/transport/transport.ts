/**
 * Bytes to and from a peer. These implementations have this interface: TCP, TLS, and memory for tests and fault injection.
 * Neither knows logical addresses, frames or time.
 */
import type { Endpoint } from "../addr/endpoint.js";
import type { AbortSignal } from "../internal/abort-signal.js";

/** Who the peer is according to the transport (a TLS certificate that it believes), apart from what it claims in the handshake. */
export interface PeerIdentity {
  /** Subject alternative names of type URI, as the certificate has them. */
  readonly uris: readonly string[];
  readonly subject: string;
}

export interface ConnectionHandler {
  /** `chunk` belongs to the receiver; the transport does not use it again. */
  onData(chunk: Uint8Array): void;
  /** All that was written has left: `bufferedBytes` is 0. Only after a `write` that returned false. */
  onDrain(): void;
  /** Exactly once, last. Without `error` the peer ended the connection in order, or `destroy()` was called without one. */
  onClose(error: Error | undefined): void;
}

export interface Connection {
  /** The other end's network address, `10.0.1.7:8011`, for messages. */
  readonly remote: string;
  /** Whether both ends are on this machine: without a secret only such connections are accepted. */
  readonly isLoopback: boolean;
  /** Known, at the latest, when the first bytes are delivered; likewise the channel binding. */
  readonly identity: PeerIdentity | undefined;
  /** Key material that only the two ends of this very connection know (TLS exporter); goes into the handshake's transcript. */
  readonly channelBinding: Uint8Array | undefined;
  /** Bytes that were written and have not left yet. */
  readonly bufferedBytes: number;
  /** Names who gets what arrives; called once, before anything is delivered. May be called again to hand the connection on. */
  setHandler(handler: ConnectionHandler): void;
  /** Sends `bytes`. True: they have left and the buffer may be used again. False: the transport keeps the buffer until it has drained. */
  write(bytes: Uint8Array): boolean;
  /** Sends what is buffered, then ends. */
  end(): void;
  /** Ends at once; nothing more is delivered but `onClose`. */
  destroy(error?: Error): void;
}

export interface Listener {
  /** Where it listens; the real port when 0 was asked for. */
  readonly endpoint: Endpoint;
  /** Accepts no more; connections that are open stay. */
  close(): Promise<void>;
}

export interface Transport {
  /** @throws Error with the system's `code` (ECONNREFUSED, ETIMEDOUT, ENOTFOUND, ...); the signal's reason when aborted. */
  dial(endpoint: Endpoint, signal: AbortSignal): Promise<Connection>;
  /** @throws Error with the system's `code` (EADDRINUSE, EACCES, EADDRNOTAVAIL, ...). */
  listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listener>;
}
