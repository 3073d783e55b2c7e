/** `clusterts gen`: from `.proto` files to messages and stubs. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { CodegenError, GenerateOptions, OutputPlan } from "../../codegen/index.js";
import { type Command, type CommandContext, UsageError } from "./command.js";
import { packageFolder } from "./package-folder.js";

const HELP = `Usage: clusterts gen <proto folder...> --out <folder> [options]

Writes one TypeScript file per .proto file: its messages, and typed stubs of its services. Each proto folder is a root of
imports; clusterts/options.proto and google/protobuf/*.proto can be imported without being there.
Needs buf or protoc, and ts-proto: npm install --save-dev @bufbuild/buf @bufbuild/protobuf ts-proto

Options:
  -o, --out <folder>             where to write; made when absent
  -I, --import <folder>          a further root of imports, of which only what is used is generated; repeatable
      --descriptor-set <file>    generate from a FileDescriptorSet with imports and source info, instead of folders
      --long bigint|string|number    type of 64-bit integers (default bigint)
      --import-extension js|ts   ending of relative imports (default js; ts for Node's own type stripping)
      --clean                    remove files of earlier runs that this one does not generate
      --check                    write nothing; exit code 1 when something would change
      --help                     this text

Exit codes: 0 done, 1 something is wrong with the files (or --check found changes), 2 wrong use of this command.
`;

const OPTIONS = {
  out: { type: "string", short: "o" },
  import: { type: "string", short: "I", multiple: true },
  "descriptor-set": { type: "string" },
  long: { type: "string" },
  "import-extension": { type: "string" },
  clean: { type: "boolean" },
  check: { type: "boolean" },
} as const;

export const gen: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const descriptorSet = values["descriptor-set"];
  if (values.out === undefined) throw new UsageError("--out <folder> is missing");
  if (descriptorSet !== undefined && positionals.length > 0) throw new UsageError("give either proto folders or --descriptor-set");
  if (descriptorSet === undefined && positionals.length === 0) throw new UsageError("which folders hold the .proto files?");
  if (values.check && values.clean) throw new UsageError("--check changes nothing: it cannot be used with --clean");
  try {
    const codegen = await import("../../codegen/index.js");
    const options: GenerateOptions = {
      long: choice("--long", values.long, codegen.LONG_TYPES) ?? codegen.DEFAULT_OPTIONS.long,
      importExtension:
        choice("--import-extension", values["import-extension"], codegen.IMPORT_EXTENSIONS) ?? codegen.DEFAULT_OPTIONS.importExtension,
    };
    const tsProto = codegen.findTsProto(context.cwd);
    const request =
      descriptorSet === undefined
        ? await codegen.requestFromFolders(
            { generate: positionals, imports: [...(values.import ?? []), join(packageFolder(), "proto")] },
            context,
          )
        : await codegen.requestFromDescriptorSet(descriptorSet, context.cwd);
    const files = await codegen.generate(request, options, tsProto);
    const folder = resolve(context.cwd, values.out);
    const plan = await codegen.planOutput(folder, files);
    if (values.check) return reportCheck(plan, values.out, context);
    await codegen.writeOutput(folder, plan.write);
    if (values.clean) await codegen.removeOutput(folder, plan.stale);
    report(plan, values.out, values.clean ?? false, context);
    return 0;
  } catch (error) {
    for (const problem of problemsOf(error)) context.stderr(`${problem}\n`);
    return 1;
  }
}

/** Lines for the user: what is wrong with the files, or what the system says about them (no permission, no space). Defects are thrown on. */
function problemsOf(error: unknown): readonly string[] {
  if (error instanceof Error && "problems" in error) return (error as CodegenError).problems;
  if (error instanceof Error && "syscall" in error) return [error.message];
  const missing = /^Cannot find package '([^']+)'/.exec(error instanceof Error ? error.message : "")?.[1];
  if (missing !== undefined) return [`${missing} is not installed: npm install --save-dev @bufbuild/buf @bufbuild/protobuf ts-proto`];
  throw error;
}

function choice<const T extends string>(option: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  const found = allowed.find((each) => each === value);
  if (value !== undefined && found === undefined) throw new UsageError(`${option} must be ${allowed.join(" or ")}, not "${value}"`);
  return found;
}

function report(plan: OutputPlan, out: string, cleaned: boolean, { stdout }: CommandContext): void {
  const stale = plan.stale.length === 0 ? "" : `, ${plan.stale.length} ${cleaned ? "removed" : "stale"}`;
  stdout(`${out}: ${plan.write.length} written, ${plan.unchanged.length} unchanged${stale}\n`);
  for (const path of plan.stale) stdout(`${cleaned ? "removed" : "stale, remove with --clean"}: ${join(out, path)}\n`);
}

function reportCheck(plan: OutputPlan, out: string, { stdout }: CommandContext): number {
  for (const { path } of plan.write) stdout(`would be written: ${join(out, path)}\n`);
  for (const path of plan.stale) stdout(`stale: ${join(out, path)}\n`);
  const changes = plan.write.length + plan.stale.length;
  stdout(changes === 0 ? `${out}: up to date, ${plan.unchanged.length} files\n` : `${out}: ${changes} changes; run clusterts gen\n`);
  return changes === 0 ? 0 : 1;
}
