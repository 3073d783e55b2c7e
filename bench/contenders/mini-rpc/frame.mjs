/** The frame: u32 length of what follows | u8 type | u32 sequence number or stream | u16 method | payload. Little-endian. */
export const FRAME = { request: 1, reply: 2, oneway: 3, open: 4, data: 5, fin: 6, credit: 7 };
export const HEADER_BYTES = 11;

/** Methods of requests. */
export const METHOD = { echo: 1, count: 2 };

/** What the server does with a stream: send back what comes, or count it. */
export const STREAM = { echo: 0, count: 1 };
