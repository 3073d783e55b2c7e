/** Run as a program: reads messages as hex from the command line and writes them again, where there is no `Buffer`. */
import "./hide-buffer.js";
import { allocate } from "../../../src/protobuf/utf8.js";
import { Everything } from "../fixture/gen/everything.js";

if ("Buffer" in globalThis || allocate(1).constructor !== Uint8Array) throw new Error("Buffer is still in use");
const results = process.argv.slice(2).map((hex) => {
  try {
    const message = Everything.decode(fromHex(hex));
    return toHex(Everything.encode(message).finish());
  } catch (error) {
    return String(error);
  }
});
process.stdout.write(JSON.stringify(results));

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
