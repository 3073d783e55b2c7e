#!/usr/bin/env node
/** The `clusterts` program. */
import { runCommandLine } from "./commands.js";

const interrupt = new AbortController();
// The first one asks the command to end by itself, the second one ends the process as usual.
process.once("SIGINT", () => interrupt.abort(new Error("interrupted")));
process.once("SIGTERM", () => interrupt.abort(new Error("terminated")));

process.exitCode = await runCommandLine(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTerminal: process.stdout.isTTY === true,
  signal: interrupt.signal,
});
