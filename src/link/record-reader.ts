/** Collects the opening's bytes into the preface and records, and counts them: a stranger's may take 1 KiB at most. */
import { MAX_OPENING_BYTES, PREFACE } from "../wire/limits.js";
import { HandshakeError } from "./handshake-error.js";

export interface OpeningRecord {
  readonly type: number;
  readonly body: Uint8Array;
  /** The record with its head, as it came: part of what is signed. */
  readonly raw: Uint8Array;
}

export class RecordReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** Bytes of the preface and the records that were taken. */
  #taken = PREFACE.length;
  #prefaceRead = false;
  #trusted = false;

  /** What has come behind the records that were taken. */
  get rest(): Buffer {
    return this.#bytes;
  }

  /** The peer has proved who it is: what follows no longer counts, also when it came in the same chunk. */
  trust(): void {
    this.#trusted = true;
  }

  /** @throws {@link HandshakeError} when the first bytes are not the preface. */
  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (!this.#prefaceRead) this.#readPreface();
  }

  /** The next whole record, if it has come. @throws {@link HandshakeError} as soon as one announces that it will end over the limit. */
  next(): OpeningRecord | undefined {
    if (!this.#prefaceRead || this.#bytes.length < 3) return undefined;
    const size = 3 + this.#bytes.readUInt16BE(1);
    if (!this.#trusted && this.#taken + size > MAX_OPENING_BYTES) {
      throw new HandshakeError("malformed", `more than ${MAX_OPENING_BYTES} bytes before the peer is known`);
    }
    if (this.#bytes.length < size) return undefined;
    const raw = this.#bytes.subarray(0, size);
    this.#bytes = this.#bytes.subarray(size);
    this.#taken += size;
    return { type: raw[0]!, body: raw.subarray(3), raw };
  }

  #readPreface(): void {
    const bytes = this.#bytes;
    const length = Math.min(bytes.length, PREFACE.length);
    for (let i = 0; i < length; i++) {
      if (bytes[i] !== PREFACE[i]) throw new HandshakeError("malformed", `not clusterts: ${guessProtocol(bytes)}`);
    }
    if (bytes.length < PREFACE.length) return;
    this.#prefaceRead = true;
    this.#bytes = bytes.subarray(PREFACE.length);
  }
}

/** Whether a dialer that begins so expects an HTTP answer. */
export function looksLikeHttp(bytes: Uint8Array): boolean {
  return /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE|PRI) /.test(
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(16, bytes.length)).toString("latin1"),
  );
}

function guessProtocol(bytes: Buffer): string {
  const text = bytes.subarray(0, 16).toString("latin1");
  if (text.startsWith("HTTP/")) return "the port answers HTTP";
  if (looksLikeHttp(bytes)) return "it sent an HTTP request";
  if ((bytes[0] === 0x16 || bytes[0] === 0x15) && (bytes[1] ?? 3) === 3) return "it speaks TLS";
  if (text.startsWith("SSH-")) return "the port answers SSH";
  return `it begins with ${JSON.stringify(text.replace(/[^\x20-\x7e]/g, "."))}`;
}
