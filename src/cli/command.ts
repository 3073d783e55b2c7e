/** What the command line gives to each of its subcommands, and expects of them. */

/** The surroundings of one run; tests hand in their own. */
export interface CommandContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether a person looks at stdout: progress and colours are for people only. */
  readonly isTerminal: boolean;
  /** Aborts when the user has had enough (Ctrl-C). */
  readonly signal: AbortSignal;
}

/** A subcommand: takes what follows its name, gives the exit code. One file each, loaded when it is asked for. */
export interface Command {
  readonly help: string;
  run(args: readonly string[], context: CommandContext): Promise<number>;
}

/** What went wrong where the command line was right: one line for the user, and an exit code, 1 unless the command says another. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Wrong use of the command line: one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** By its name, as a command that is loaded later may bring its own copy of this file. */
export function isCommandError(error: unknown): error is CommandError {
  return error instanceof Error && error.name === "CommandError";
}

/** `parseArgs` throws TypeErrors with a code; what they say is for the user. */
export function isUsageError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.name === "UsageError") return true;
  return String((error as NodeJS.ErrnoException).code).startsWith("ERR_PARSE_ARGS_");
}
