import assert from "node:assert/strict";
import { type DiscoveryServerOptions, discoveryServer } from "../../../src/discovery/server/adapter.js";
import { startDiscoveryServer } from "../../../src/discovery/server/server.js";
import { RpcError } from "../../../src/errors.js";

const SECRET = "secret-of-the-cluster-of-32-bytes-or-more";

const WRONG: readonly [what: string, options: DiscoveryServerOptions, said: RegExp][] = [
  ["another secret", { secrets: ["another-secret-of-32-bytes-or-even-more"] }, /option secrets\?/],
  ["no secret", {}, /options? secrets/],
  ["another cluster", { secrets: [SECRET], cluster: "other" }, /option cluster\?/],
];

suite("a watch of keys that the server refuses", () => {
  for (const [what, options, said] of WRONG)
    test(`for ${what}, throws and says so`, async () => {
      await using server = await startDiscoveryServer({ listen: "127.0.0.1:0", secrets: [SECRET], logger: false });
      await using discovery = discoveryServer(server.endpoint, { ...options, link: { reachTimeoutMs: 100 } });
      const stop = new AbortController();
      const events = discovery.keyValue.watch("", stop.signal);
      // For the failure alone: a watch that is not refused would go on for ever.
      const guard = setTimeout(() => stop.abort(), 5_000);
      try {
        await assert.rejects(events[Symbol.asyncIterator]().next(), (error: Error) => {
          assert.ok(RpcError.is(error));
          assert.equal(error.code, "UNAVAILABLE");
          assert.match(error.message, said);
          return true;
        });
      } finally {
        clearTimeout(guard);
        stop.abort();
      }
    });
});
