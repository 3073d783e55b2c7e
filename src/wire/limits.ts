/**
 * Every limit of the wire in one place. What is a constant here is part of the protocol (docs/protocol.md); what users
 * can set is an option with its default in `src/node/options.ts`.
 */

/** The first bytes of every connection, in both directions. Frozen for ever. */
export const PREFACE = Object.freeze([0xc7, 0x43, 0x4c, 0x55, 0x53, 0x54, 0x52, 0x0a] as const);

/** Bytes that either side reads of an opening before the peer is known: preface, hello and proof together. */
export const MAX_OPENING_BYTES = 1024;

/** Bytes of the fixed frame header, the length field included. */
export const HEADER_BYTES = 28;

/** Bytes of a message body carried by one fragment. */
export const FRAGMENT_BYTES = 65_536;

/**
 * Bytes of a body that travels in one frame; a larger one is cut into fragments. The slack above 64 KiB lets a payload
 * of 64 KiB exactly, with its method, tag and a little metadata, travel whole.
 */
export const MAX_WHOLE_BODY_BYTES = FRAGMENT_BYTES + 1024;

/** Bytes of a frame's body that a reader accepts: a whole body, or a fragment with its head. */
export const MAX_FRAME_BODY_BYTES = MAX_WHOLE_BODY_BYTES;

/** Default of `maxPayloadBytes`: bytes of one encoded message, fragments put together. */
export const DEFAULT_MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;

/** The most that `maxPayloadBytes` may be set to. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;

/** Bytes of one message's metadata, keys, values and lengths together. */
export const MAX_METADATA_BYTES = 8 * 1024;

/** Entries of one message's metadata. */
export const MAX_METADATA_ENTRIES = 64;

/** What a body may add to its payload: method or id, and metadata. */
export const MAX_BODY_OVERHEAD_BYTES = MAX_METADATA_BYTES + 16;

/** Bytes of an error's code on the wire; longer ones are cut at a character. */
export const MAX_CODE_BYTES = 64;

/** Bytes of an error's text on the wire; longer ones are cut at a character. */
export const MAX_REASON_BYTES = 4 * 1024;

/** Bytes of an error's details; larger ones are left out. */
export const MAX_DETAILS_BYTES = 16 * 1024;

/** Addresses in an error's path. */
export const MAX_ERROR_PATH = 8;

/** Bytes of the text of a refusal or a go-away; longer ones are cut at a character. */
export const MAX_NOTE_BYTES = 400;

/** Hops a frame may make: node, harbor, harbor, node are three; one to spare while harbors change. */
export const MAX_HOPS = 4;

/** Lowest and highest version of the protocol behind the preface that this build speaks. */
export const PROTOCOL_VERSION = Object.freeze({ min: 1, max: 1 } as const);
