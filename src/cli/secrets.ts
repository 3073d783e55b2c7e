/** The cluster's secrets, as commands get them: never as an argument, which others on the machine could read. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../internal/message-of.js";
import { type CommandContext, CommandError } from "./command.js";

/**
 * From files, a secret per line; without any, from the file in `CLUSTERTS_SECRET_FILE`, or `CLUSTERTS_SECRET` itself, with
 * commas between them.
 *
 * @throws {@link CommandError} when a file cannot be read.
 */
export function secretsOf(files: readonly string[], { cwd, env }: CommandContext): readonly string[] {
  const paths = files.length === 0 && env.CLUSTERTS_SECRET_FILE ? [env.CLUSTERTS_SECRET_FILE] : files;
  if (paths.length === 0) return split(env.CLUSTERTS_SECRET ?? "", /,/);
  return paths.flatMap((path) => {
    const secrets = split(textOf(resolve(cwd, path)), /\r?\n/);
    if (secrets.length === 0) throw new CommandError(`there is no secret in ${path}`);
    return secrets;
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(messageOf(error));
  }
}

function split(text: string, by: RegExp): string[] {
  return text
    .split(by)
    .map((each) => each.trim())
    .filter((each) => each !== "");
}
