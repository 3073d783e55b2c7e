import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

suite("a watch of keys, alone in its process", () => {
  test("with the server away, keeps the process alive until it is aborted", async () => {
    const adapter = new URL("../../../src/discovery/server/adapter.ts", import.meta.url).href;
    const program = `
      import { discoveryServer } from ${JSON.stringify(adapter)};
      const stop = new AbortController();
      process.once("SIGTERM", () => stop.abort());
      const discovery = discoveryServer("127.0.0.1:1", { link: { reachTimeoutMs: 50 } });
      setTimeout(() => console.log("still here"), 400).unref(); // it does not keep the process alive itself
      for await (const event of discovery.keyValue.watch("", stop.signal)) console.log(event.type);
      console.log("over");`;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
      cwd: new URL("../../..", import.meta.url),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said === "still here\n") child.kill("SIGTERM");
    });
    const [code] = await once(child, "close");
    assert.deepEqual({ code, said }, { code: 0, said: "still here\nover\n" });
  });
});
