/** What the command line gives to each of its subcommands, and expects of them. */

/** The surroundings of one run; tests hand in their own. */
export interface CommandContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** A subcommand: takes what follows its name, gives the exit code. One file each, loaded when it is asked for. */
export interface Command {
  readonly help: string;
  run(args: readonly string[], context: CommandContext): Promise<number>;
}

/** Wrong use of the command line: one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** `parseArgs` throws TypeErrors with a code; what they say is for the user. */
export function isUsageError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.name === "UsageError") return true;
  return String((error as NodeJS.ErrnoException).code).startsWith("ERR_PARSE_ARGS_");
}
