/** Trace context as metadata of a call: what a propagator writes and reads as headers. */
import type { MetadataInit } from "../rpc/service.js";

/** Metadata of a call are 8 KiB at most, and the application's come first: baggage that does not fit is left out, the trace's own ids are small. */
const MAX_CARRIER_BYTES = 2_048;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** `metadata` with what of `carrier` fits. Keys of the application are not written over. */
export function withCarrier(metadata: MetadataInit | undefined, carrier: Readonly<Record<string, string>>): MetadataInit {
  const merged: Record<string, string | Uint8Array> = {};
  let left = MAX_CARRIER_BYTES;
  for (const [key, value] of Object.entries(carrier)) {
    const size = key.length + encoder.encode(value).length;
    if (size > left) continue;
    left -= size;
    merged[key.toLowerCase()] = value;
  }
  // Also from a Map, which the library takes where types do not look.
  return Object.assign(merged, metadata instanceof Map ? Object.fromEntries(metadata) : metadata);
}

/** All metadata as text: a propagator looks for its own keys. */
export function carrierOf(metadata: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(Array.from(metadata, ([key, value]) => [key, decoder.decode(value)]));
}
