/** Two ways to say something although the network breaks. One of them is wrong. */
import { setTimeout as sleep } from "node:timers/promises";
import { type ClusterNode, RpcError } from "clusterts";
import { Chat } from "../services/gen/chat.js";

export type SayIt = (node: ClusterNode, text: string) => Promise<void>;

/** Tries again whatever went wrong. The defect: a call that failed as "unknown" may have been heard. */
export const sayStubbornly: SayIt = (node, text) => attempt(node, text, () => true);

/** Tries again only what was certainly not heard. */
export const sayCarefully: SayIt = (node, text) => attempt(node, text, (error) => RpcError.is(error) && error.execution === "notRun");

async function attempt(node: ClusterNode, text: string, mayTryAgain: (error: unknown) => boolean): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await Chat.Call(node, "1.1.1").say({ room: "hall", text });
      return;
    } catch (error) {
      if (tries === 5 || !mayTryAgain(error)) return;
      await sleep(100 * tries);
    }
  }
}
