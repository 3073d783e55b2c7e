/** The admin service as a node registers it: its messages are loaded when a tool asks for the first time. */
import { bytesMethod } from "../rpc/bytes-method.js";
import type { Registrar } from "../rpc/service.js";
import type { Administered } from "./admin.js";

/** The methods of `proto/clusterts/node.proto`. */
const METHODS = ["ping", "status", "setAvailable"] as const;

export type AdminMethod = (typeof METHODS)[number];

/** Half a megabyte of heap is much for a small process that nobody asks. */
export function registerAdmin(registrar: Registrar, subject: Administered): void {
  for (const method of METHODS) {
    registrar.handle(bytesMethod(`clusterts.Node/${method}`), async (request: Uint8Array) => {
      const { answerAdmin } = await import("./admin.js");
      return await answerAdmin(method, request, subject);
    });
  }
}
