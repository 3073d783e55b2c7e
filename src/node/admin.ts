/** What a node answers to tools of its cluster: `proto/clusterts/node.proto`. */
import { Node } from "../gen/clusterts/node.js";
import type { Registrar } from "../rpc/service.js";
import type { MethodTimes } from "./method-times.js";
import type { NodeStatus } from "./status.js";

/** What it needs of the node. */
export interface Administered {
  status(): NodeStatus;
  methodTimes(): readonly MethodTimes[];
  update(patch: { available: boolean }): Promise<void>;
}

export function registerAdmin(registrar: Registrar, node: Administered): void {
  Node.Register(registrar, {
    ping: ({ payload }) => ({ payload }),
    status: ({ methods }) => ({
      status: JSON.stringify(node.status(), plain),
      methods: methods
        ? node.methodTimes().map(({ side, count, failed, ...times }) => ({
            ...times,
            handled: side === "handler",
            count: BigInt(count),
            failed: BigInt(failed),
          }))
        : [],
    }),
    setAvailable: async ({ available }) => {
      await node.update({ available });
      return {};
    },
  });
}

/** JSON has no bigint. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
