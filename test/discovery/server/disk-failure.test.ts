import assert from "node:assert/strict";
import { makeAddress } from "../../../src/addr/logical-address.js";
import { discoveryServer } from "../../../src/discovery/server/adapter.js";
import type { FileSystem } from "../../../src/discovery/server/file-system.js";
import { startDiscoveryServer } from "../../../src/discovery/server/server.js";
import { RpcError } from "../../../src/errors.js";
import { until } from "../../support/until.js";
import { PowerCutDisk } from "./support/power-cut-disk.js";

/** A disk that can be full for a while: what is written then is refused. */
class FullableDisk implements FileSystem {
  readonly #disk = new PowerCutDisk();
  isFull = false;

  resolve = (path: string) => this.#disk.resolve(path);
  lock = () => this.#disk.lock();
  read = (path: string) => this.#disk.read(path);
  stamp = (path: string) => this.#disk.stamp(path);
  rename = (from: string, to: string) => this.#disk.rename(from, to);
  syncFolder = () => this.#disk.syncFolder();

  async create(path: string) {
    const file = await this.#disk.create(path);
    return {
      write: async (bytes: Uint8Array): Promise<void> => {
        // As disks do: a part of it is there.
        if (this.isFull) await file.write(bytes.subarray(0, bytes.length >> 1));
        if (this.isFull) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
        await file.write(bytes);
      },
      sync: () => file.sync(),
      close: () => file.close(),
    };
  }
}

suite("a discovery server whose disk is full", () => {
  test("refuses writes and reads, says why, and goes on with what was acknowledged when there is room again", async () => {
    const files = new FullableDisk();
    await using server = await startDiscoveryServer({ listen: "127.0.0.1:0", data: "cluster.json", files, logger: false });
    await using discovery = discoveryServer(server.endpoint);
    const keys = discovery.keyValue;
    await keys.set("kept", "1");
    const entry = await discovery.register(
      { address: makeAddress(1, 1, 1), endpoint: "10.0.0.1:1", incarnation: 5n },
      new AbortController().signal,
    );
    const { epoch, revision } = server.status();
    files.isFull = true;
    await assert.rejects(keys.set("refused", "2"), isUnavailable);
    await assert.rejects(keys.get("kept"), isUnavailable);
    files.isFull = false;
    await until(() => isOpen());
    assert.equal((await keys.get("kept"))?.value, "1");
    assert.equal(await keys.get("refused"), undefined);
    assert.deepEqual([server.status().epoch, server.status().members], [epoch, 1]);
    assert.ok(server.status().revision > revision);
    await entry.update({ available: false });
    await entry[Symbol.asyncDispose]();

    function isOpen(): boolean {
      try {
        return server.status().members >= 0;
      } catch (error) {
        return !isUnavailable(error as Error);
      }
    }
  });
});

function isUnavailable(error: Error): boolean {
  assert.ok(RpcError.is(error));
  assert.deepEqual([error.code, error.message.includes("no space left")], ["UNAVAILABLE", true]);
  return true;
}
