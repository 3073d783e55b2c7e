/** `clusterts/gateway/kcp`: clients over KCP, for gateways. */
export { type KcpListenerOptions, kcp } from "./kcp.js";
