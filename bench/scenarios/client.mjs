/**
 * What a contender's `connect()` gives to the load loops.
 *
 *   call(payload)        a promise of the reply; payload is a string, or a Buffer when bytes are asked for
 *   payloadOf(reply)     optional: the payload in what `call` resolved with, as a user would read a field of it
 *   callCb(payload, cb)  optional: completion by callback, for contenders that want to show it
 *   oneway(payload)      optional: a promise when the sender should wait, else nothing
 *   onewayCount()        a promise of how many one-way messages the server has received so far
 *   openStream()         optional: a promise of { echo(buffer), close(), write(buffer), finish() };
 *                        finish() ends a bulk stream and resolves with the bytes that the server counted
 *   bigAsString          true: scenario C's payload as a string
 *   shortStreamSeconds   the longest that E1 may run
 */
export const SMALL = "abcdefghijklmnopqrstuvwxyz012345"; // 32 bytes
export const BIG_BYTES = 64 * 1024;

export function payloadOf(client, reply) {
  return client.payloadOf === undefined ? reply : client.payloadOf(reply);
}

export function checkEcho(client, reply, payload) {
  if (payloadOf(client, reply).length !== payload.length) throw new Error("wrong echo");
}

export const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
