/** `clusterts/discovery`: where nodes learn of each other. */
export type { Discovery, DiscoveryEvent, Member, MemberPatch, Registration } from "./discovery.js";
export { file } from "./file.js";
export type { KeyValue, KeyValueEntry, KeyValueEvent, KeyValueOptions, KeyValueWriteOptions } from "./key-value.js";
export { type MemoryDiscovery, memory } from "./memory.js";
export { type DiscoveryServerOptions, discoveryServer, type ServerDiscovery } from "./server/adapter.js";
