import assert from "node:assert/strict";
import type { Context } from "../../src/rpc/service.js";
import { simulate } from "../../src/testing/simulate.js";
import { say, type Text } from "../testing/support/text-method.js";

suite("links that close because they are idle", () => {
  test("a call that the go-away crosses, is cancelled on the connection that carried it, though another one is open by then", async () => {
    await simulate({ seed: 1, runs: 50 }, async (sim) => {
      sim.latency({ ms: 30 });
      const aborted: string[] = [];
      const never = ({ text }: Text, { signal }: Context): Promise<Text> => {
        signal.addEventListener("abort", () => aborted.push(text));
        return new Promise(() => {});
      };
      await sim.node("1.1.1", (node) => node.handle(say, never), { link: { idleMs: 40, probeMs: 40 } });
      const caller = await sim.node("1.2.1");
      const abort = new AbortController();
      const first = caller.invoke("1.1.1", say, { text: "opens the link" }, { timeoutMs: 500 }).catch(() => {});
      await first;
      await sim.advance(sim.random() * 100);
      const crossed = caller.invoke("1.1.1", say, { text: "crossed" }, { signal: abort.signal }).catch(() => {});
      await sim.advance(60);
      const second = caller.invoke("1.1.1", say, { text: "opens another" }, { timeoutMs: 1_000 }).catch(() => {});
      await sim.advance(300);
      abort.abort();
      await crossed;
      await sim.advance(60);
      assert.ok(aborted.includes("crossed"), "the handler was not told");
      await second;
    });
  });
});
