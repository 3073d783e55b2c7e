import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { resolveDialOptions, resolveListenOptions } from "../../src/kcp/kcp-options.js";
import { COMMAND, writeHeader } from "../../src/kcp/segment.js";

const PAGE = readFileSync(join(import.meta.dirname, "..", "..", "docs", "kcp.md"), "utf8");
/** What tests set, and what the listener's own text explains. */
const NOT_LISTED = ["clock", "random", "listen"];

suite("docs/kcp.md", () => {
  test("every option, stands there", () => {
    const options = Object.keys(resolveListenOptions({ listen: "127.0.0.1:0" })).filter((name) => !NOT_LISTED.includes(name));
    const missing = options.filter((name) => !PAGE.includes(`\`${name}\``));
    assert.deepEqual(missing, []);
  });

  test("defaults with numbers, are those of the code", () => {
    const { intervalMs, resend, sendWindow, receiveWindow, mtu, deadLink, idleTimeoutMs, maxMessageBytes } = resolveDialOptions({});
    assert.deepEqual([intervalMs, resend, sendWindow, receiveWindow, mtu, deadLink, idleTimeoutMs], [10, 2, 256, 256, 1_400, 20, 60_000]);
    assert.equal(maxMessageBytes, 65_536);
    for (const row of ["`true`, 10, 2, `false`", "256, 256", "| 1,400 |", "| 20 |", "| 60,000 |", "| 64 KiB |"])
      assert.ok(PAGE.includes(row), row);
  });

  test("the example in hex, is what the code writes", () => {
    const datagram = Buffer.alloc(27);
    writeHeader(datagram, 0, 0x11223344, COMMAND.push, 1, 512, 0xdeadbeef, 7, 5, 3);
    datagram.write("hi!", 24);
    const hex = /^ {4}(44332211[ 0-9a-f]+)$/m.exec(PAGE)?.[1]?.replaceAll(" ", "");
    assert.equal(hex, datagram.toString("hex"));
  });

  test("every command, stands there with its number", () => {
    for (const number of Object.values(COMMAND)) assert.match(PAGE, new RegExp(`\\b${number} `));
  });
});
