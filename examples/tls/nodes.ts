/** Nodes that prove who they are by certificates, and take new ones while they run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ClusterNode, createNode, type TlsOptions } from "clusterts";
import type { MemoryDiscovery } from "clusterts/discovery";

/** The certificates of one node, as they are in `folder` now. */
export function tlsOf(folder: string, name: string): TlsOptions {
  const read = (file: string) => readFileSync(join(folder, file));
  return { ca: read("ca.pem"), cert: read(`${name}.pem`), key: read(`${name}.key`) };
}

export function roomNode(folder: string, discovery: MemoryDiscovery): ClusterNode {
  const node = createNode({ address: "1.3.1", discovery, tls: tlsOf(folder, "rooms") });
  process.on("SIGHUP", () => node.setTls(tlsOf(folder, "rooms"))); // whoever renews the files says so
  return node;
}
