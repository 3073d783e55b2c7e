/** Run as a program: reads messages as hex from the command line and writes them again, where there is no `Buffer`. */
const { Buffer, process } = globalThis;
Reflect.deleteProperty(globalThis, "Buffer");
const { allocate } = await import("../../../src/protobuf/utf8.js");
const { Everything } = await import("../fixture/gen/everything.js");

if (allocate(1) instanceof Buffer) throw new Error("Buffer is still in use");
const results = process.argv.slice(2).map((hex) => {
  const bytes = new Uint8Array(Buffer.from(hex, "hex"));
  try {
    const message = Everything.decode(bytes);
    return Buffer.from(Everything.encode(message).finish()).toString("hex");
  } catch (error) {
    return String(error);
  }
});
process.stdout.write(JSON.stringify(results));
