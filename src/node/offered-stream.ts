/** The beginning of a stream that a peer has opened: its open header is read before anything is decided about it. */
import { openHeaderBytes } from "../stream/open-header.js";
import { RESET } from "../stream/reset-code.js";
import type { YamuxStream } from "../stream/yamux-stream.js";
import { ProtocolError } from "../wire/protocol-error.js";

/** Bytes that say how long the header is. */
const LENGTH_BYTES = 2;

/**
 * Reads the header, and nothing behind it. `onHeader` is called once, with all of its bytes, unless the stream is over before: then nobody is
 * told, for nobody knows of it yet. A length that no header has resets the stream, and `onFault` learns why. How long all of
 * this may take, the session's `openTimeoutMs` says.
 */
export function readOpenHeader(stream: YamuxStream, onHeader: (header: Buffer) => void, onFault: (why: string) => void): void {
  const fault = (error: unknown): void => {
    if (!(error instanceof ProtocolError)) throw error;
    stream.reset(RESET.failed);
    onFault(error.message);
  };
  stream.on("error", ignore);
  stream.readFirst({
    measure(chunk, start, end) {
      try {
        const length = openHeaderBytes(chunk.subarray(start, end));
        if (length !== undefined && length <= end - start) return length;
        readPieces(stream, onHeader, fault);
      } catch (error) {
        fault(error);
      }
      return 0;
    },
    take: onHeader,
  });
}

/** The header comes in pieces, as hardly any does. */
function readPieces(stream: YamuxStream, onHeader: (header: Buffer) => void, onFault: (error: unknown) => void): void {
  let head: Uint8Array | undefined;
  const stop = (): void => {
    stream.off("readable", look);
    stream.off("end", onCutOff);
    stream.off("close", stop);
  };
  const onCutOff = (): void => {
    stop();
    onFault(new ProtocolError("it ended within its open header"));
  };
  const look = (): void => {
    let header: Buffer;
    try {
      head ??= (stream.read(LENGTH_BYTES) as Uint8Array | null) ?? undefined;
      if (head === undefined) return;
      const length = openHeaderBytes(head);
      const rest = length === undefined ? null : (stream.read(length - LENGTH_BYTES) as Uint8Array | null);
      if (rest === null) return;
      header = Buffer.concat([head, rest]);
      if (header.length !== length) return onCutOff(); // at the end Node.js gives what there is
    } catch (error) {
      stop();
      return onFault(error);
    }
    stop();
    onHeader(header);
  };
  stream.on("readable", look);
  stream.on("end", onCutOff);
  stream.on("close", stop);
}

/**
 * What is wrong with a stream reaches whoever reads it, writes it or listens to it; a stream that nobody listens to must not end the
 * process of a node. One function for all streams: idle ones are many.
 */
export function ignore(): void {}
