/** `clusterts/discovery`: where nodes learn of each other. */
export type { Discovery, DiscoveryEvent, Member, MemberPatch, Registration } from "./discovery.js";
export { file } from "./file.js";
export { type MemoryDiscovery, memory } from "./memory.js";
