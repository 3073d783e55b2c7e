/** The body of a request or one-way message: `id u32, [metadata], payload`, encoded straight into the buffer of the link. */
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import { MessageTooLargeError } from "../protobuf/errors.js";
import { putU32 } from "../wire/header.js";
import { MAX_BODY_OVERHEAD_BYTES } from "../wire/limits.js";
import { encodeMetadata } from "../wire/metadata.js";
import type { Outbound } from "./outbound.js";
import type { CallOptions } from "./service.js";

const idBytes = new Uint8Array(4);

/** Hot path. Opens a body and writes what stands in front of the payload. @throws for metadata that cannot be. */
export function beginBody(outbound: Outbound, id: number, metadata: CallOptions["metadata"]): BinaryWriter {
  const writer = outbound.begin(outbound.maxPayloadBytes + MAX_BODY_OVERHEAD_BYTES);
  putU32(idBytes, 0, id);
  writer.raw(idBytes);
  if (metadata !== undefined) writer.raw(encodeMetadata(metadata));
  return writer;
}

/** Hot path. How long the payload is that begins at `start`. @throws MessageTooLargeError over the limit, before anything of it counts. */
export function checkedSize(writer: BinaryWriter, start: number, outbound: Outbound): number {
  const size = writer.pos - start;
  if (size > outbound.maxPayloadBytes) throw new MessageTooLargeError(outbound.maxPayloadBytes);
  return size;
}
