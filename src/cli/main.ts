#!/usr/bin/env node
/** The `clusterts` program. */
import { runCommandLine } from "./commands.js";

process.exitCode = await runCommandLine(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
});
