/**
 * What a streaming call says on its stream: frames of `kind u8, length u32, body`, big-endian. The caller's first one is the
 * call; then messages go both ways; the handler's last one is the status. Bytes to frames and back, and nothing else.
 */
import { getU32, putU32 } from "../../wire/header.js";
import { ProtocolError } from "../../wire/protocol-error.js";

export const FRAME = {
  /** Method, and how long the caller waits. */
  call: 1,
  /** One encoded message. */
  message: 2,
  /** How the call has ended: empty when well, else an error as in `src/wire/error-codec.ts`. */
  status: 3,
} as const;

/** A kind with this bit is skipped by whoever does not know it. */
const IGNORABLE = 0x80;
const HEAD_BYTES = 5;
/** Bytes of the body of anything that is no message. */
const MAX_CONTROL_BYTES = 32 * 1024;

export interface CallFrame {
  readonly kind: number;
  readonly body: Buffer;
}

/** What the first frame says. */
export interface CallHead {
  readonly methodId: number;
  /** Milliseconds that the caller waits for the end of all; 0: no limit. */
  readonly remainingMs: number;
}

export function encodeFrame(kind: number, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  frame[0] = kind;
  putU32(frame, 1, body.length);
  frame.set(body, HEAD_BYTES);
  return frame;
}

export function encodeCall({ methodId, remainingMs }: CallHead): Buffer {
  const body = Buffer.allocUnsafe(8);
  putU32(body, 0, methodId);
  putU32(body, 4, remainingMs);
  return encodeFrame(FRAME.call, body);
}

/** What stands behind the fields that are known here is a later version's. @throws {@link ProtocolError} */
export function decodeCall({ kind, body }: CallFrame): CallHead {
  if (kind !== FRAME.call) throw new ProtocolError(`a call begins with a frame of kind ${kind}`);
  if (body.length < 8) throw new ProtocolError(`the head of a call has ${body.length} bytes`);
  return { methodId: getU32(body, 0), remainingMs: getU32(body, 4) };
}

/** Puts frames together from whatever pieces they arrive in. Keeps no more than one frame beside what was pushed last. */
export class FrameAssembler {
  readonly #maxMessageBytes: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #head: Buffer | undefined;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether a frame has begun and not ended. */
  get isInFrame(): boolean {
    return this.#bytes > 0 || this.#head !== undefined;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next frame; `undefined`: more is needed. @throws {@link ProtocolError} for one that is too long, or of an unknown kind. */
  next(): CallFrame | undefined {
    for (;;) {
      this.#head ??= this.#bytes < HEAD_BYTES ? undefined : this.#take(HEAD_BYTES);
      if (this.#head === undefined) return undefined;
      const kind = this.#head[0]!;
      const length = getU32(this.#head, 1);
      const most = kind === FRAME.message ? this.#maxMessageBytes : MAX_CONTROL_BYTES;
      if (length > most) throw new ProtocolError(`a frame of kind ${kind} has ${length} bytes, more than ${most}`);
      if (this.#bytes < length) return undefined;
      this.#head = undefined;
      const body = this.#take(length);
      if (kind >= FRAME.call && kind <= FRAME.status) return { kind, body };
      if ((kind & IGNORABLE) === 0) throw new ProtocolError(`a frame of the unknown kind ${kind}`);
    }
  }

  #take(bytes: number): Buffer {
    this.#bytes -= bytes;
    const first = this.#parts[0];
    if (first !== undefined && first.length >= bytes) {
      if (first.length === bytes) this.#parts.shift();
      else this.#parts[0] = first.subarray(bytes);
      return Buffer.from(first.buffer, first.byteOffset, bytes);
    }
    const whole = Buffer.allocUnsafe(bytes);
    let at = 0;
    let used = 0;
    while (at < bytes) {
      const part = this.#parts[used]!;
      const taken = Math.min(part.length, bytes - at);
      whole.set(part.subarray(0, taken), at);
      at += taken;
      if (taken === part.length) used++;
      else this.#parts[used] = part.subarray(taken);
    }
    this.#parts.splice(0, used);
    return whole;
  }
}
