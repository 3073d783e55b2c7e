#!/usr/bin/env node
/** The `clusterts` program. */
import { runCommandLine } from "./commands.js";

// Whoever read has gone (`| head`): what goes on goes on without a word, and the others have nobody to speak to.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

let interrupt: AbortController | undefined;

/** Commands that go on until they are told to end ask for it; the others end at once, as programs do. */
function interruption(): AbortSignal {
  if (interrupt === undefined) {
    const controller = new AbortController();
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort(new Error(`ended by ${name}`)));
    interrupt = controller;
  }
  return interrupt.signal;
}

process.exitCode = await runCommandLine(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTerminal: process.stdout.isTTY === true,
  get signal() {
    return interruption();
  },
});
