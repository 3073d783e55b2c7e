/** `clusterts/discovery/server`: the built-in discovery server as a library. The command line runs the same. */

export type { StartDiscoveryServerOptions } from "./options.js";
export { DEFAULT_LISTEN } from "./protocol.js";
export { DiscoveryServer, type DiscoveryServerStatus, startDiscoveryServer } from "./server.js";
