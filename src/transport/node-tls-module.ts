/** Node.js's own TLS, loaded by those who use it: 0.6 MB of heap that a process without it does not have. */
type NodeTls = typeof import("node:tls");

export function nodeTls(): NodeTls {
  return process.getBuiltinModule("node:tls");
}
