/** What the server holds at most. Every limit refuses, with an error that names it; nothing is dropped. */

export const MAX_MEMBERS = 65_536;
/** Bytes of all texts of one member. */
export const MAX_MEMBER_BYTES = 16 * 1024;
/** Bytes of all members together, roughly: those who watch get all of them. */
export const MAX_MEMBERS_BYTES = 64 * 1024 ** 2;
/** Bytes of one key, as UTF-8. */
export const MAX_KEY_BYTES = 512;
/** Bytes of one value, as UTF-8. */
export const MAX_VALUE_BYTES = 256 * 1024;
/** Bytes of all keys and values together, roughly: all of it is written anew from time to time. */
export const MAX_KEYS_BYTES = 32 * 1024 ** 2;
/** A fencing token above this is no token of ours, and would leave no room for higher ones. */
export const MAX_TOKEN = 2n ** 63n - 1n;
