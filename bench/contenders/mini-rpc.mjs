/**
 * The smallest thing that is still an RPC: named methods (numbers), sequence number to promise, one-way messages, a
 * relay that reads headers and routes frames, and multiplexed streams with a credit window. The upper bound for a
 * library on Node.js. Every trick can be switched, to see what it is worth: mini-rpc/options.mjs, mini-rpc/variants.mjs.
 */
export { connect } from "./mini-rpc/client.mjs";
export { startRelay } from "./mini-rpc/relay.mjs";
export { startServer } from "./mini-rpc/server.mjs";
