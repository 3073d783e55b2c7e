/** KCP sessions over UDP: `docs/kcp.md`. */
export { dialKcp } from "./dial-kcp.js";
export type { KcpCounters } from "./kcp-counters.js";
export { KcpError, type KcpErrorCode } from "./kcp-error.js";
export type { KcpDialOptions, KcpListenOptions, KcpOptions } from "./kcp-options.js";
export type { KcpSession } from "./kcp-session.js";
export { type KcpListener, listenKcp, type SessionHandler } from "./listen-kcp.js";
