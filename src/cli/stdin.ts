/** Text from standard input, for arguments that are "-". */
import { readFileSync } from "node:fs";
import { CommandError } from "./command.js";

/** @throws {@link CommandError} for what is no text. */
export function stdinText(): string {
  return textOfBytes(readFileSync(0));
}

/** @throws {@link CommandError} for what is no UTF-8: made a text all the same, it would be another one. */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandError("standard input is no UTF-8 text; bytes can be sent as text, encoded with base64 for instance");
  }
}
