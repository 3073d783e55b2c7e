/** Asks one node what it is doing. */
import { Node } from "../gen/clusterts/node.js";
import type { Caller } from "../rpc/service.js";
import type { NodeReport } from "./node-report.js";

/** @throws {@link RpcError} by rejection, `UNIMPLEMENTED` by nodes with the option `admin: false`. */
export async function askNode(caller: Caller, timeoutMs: number): Promise<NodeReport> {
  const { status, methods } = await Node.Call(caller).status({ methods: true }, { timeoutMs });
  return {
    ...(JSON.parse(status) as NodeReport),
    methods: methods.map(({ handled, count, failed, ...times }) => ({
      ...times,
      side: handled ? "handler" : "call",
      count: Number(count),
      failed: Number(failed),
    })),
  };
}
