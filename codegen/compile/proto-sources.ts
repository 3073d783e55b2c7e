/** Finds the `.proto` files of a run and everything they import, and gives each one name, whichever folder it was found from. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { CodegenError } from "../codegen-error.js";
import { unitPackage } from "../one-file.js";
import { type ScannedProto, scanProto } from "./scan-proto.js";

export interface ProtoSource {
  /** Name on the import path, with `/`. */
  readonly name: string;
  /** Where it lies, absolute. */
  readonly path: string;
  /** What the compiler gets: imports under their one name, and a package for a file of the one-file convention. */
  readonly text: string;
  /** Whether it was asked for; others are there because they are imported. */
  readonly wanted: boolean;
  /** Advice on imports that were not found, by the line of the import, from 1. */
  readonly hints: ReadonlyMap<number, string>;
  /** The one-line insertion that the compiler sees and the user does not: its line, its column, both from 1, and its length. */
  readonly insertion: { readonly line: number; readonly column: number; readonly length: number } | undefined;
}

export interface ProtoFolders {
  /** Every `.proto` file in them is generated. Each is a root of imports. */
  readonly generate: readonly string[];
  /** Further roots of imports. */
  readonly imports: readonly string[];
  /** What relative folders start from, and paths in messages. */
  readonly cwd: string;
}

/**
 * A folder inside another one that was given lends its files that one's names (`proto/game` inside `proto`: `game/chat.proto`), so
 * that no file is compiled twice; imports that start from either are understood.
 *
 * @throws {@link CodegenError}
 */
export function findProtoSources(folders: ProtoFolders): ProtoSource[] {
  const roots = [...folders.generate, ...folders.imports].map((folder) => realFolder(folder, folders.cwd));
  const show = (path: string) => relative(folders.cwd, path) || ".";
  const nameOf = (path: string) => {
    const containing = roots.filter((root) => path.startsWith(root + sep));
    const outermost = containing.reduce((best, root) => (root.length < best.length ? root : best));
    return relative(outermost, path).split(sep).join("/");
  };
  const found = new Map<string, { path: string; wanted: boolean; original: string; scanned: ScannedProto }>();
  const add = (path: string, wanted: boolean) => {
    const name = nameOf(path);
    const earlier = found.get(name);
    if (earlier !== undefined && earlier.path === path) return;
    const original = readFileSync(path, "utf8");
    if (earlier !== undefined) {
      if (earlier.original === original) return; // one file, in two copies
      throw new CodegenError(`${show(path)}: is ${name} on the import path, like ${show(earlier.path)}: give one folder above both`);
    }
    found.set(name, { path, wanted, original, scanned: scanProto(original) });
  };
  for (const [index, folder] of folders.generate.entries()) {
    const files = protoFilesIn(roots[index] ?? folder);
    if (files.length === 0) throw new CodegenError(`no .proto files in ${folder}`);
    for (const file of files) add(file, true);
  }
  const imported = new Set<string>();
  const edits = new Map<string, Edit[]>();
  const hints = new Map<string, Map<number, string>>();
  // grows while it is walked: imports are added behind
  for (const [name, { path, original, scanned }] of found) {
    const own: Edit[] = [];
    const advice = new Map<number, string>();
    hints.set(name, advice);
    for (const each of scanned.imports) {
      const root = roots.find((candidate) => existsSync(join(candidate, each.path)));
      if (root === undefined) {
        // the compiler's own, or its error
        const above = folderAbove(path, each.path);
        const line = original.slice(0, each.start).split("\n").length;
        if (above !== undefined) advice.set(line, `found in ${show(above)}: add --import ${show(above)}`);
        continue;
      }
      const target = join(root, each.path);
      add(target, false);
      imported.add(nameOf(target));
      if (nameOf(target) !== each.path) own.push({ start: each.start, end: each.end, text: `"${nameOf(target)}"` });
    }
    edits.set(name, own);
  }
  let units = 0;
  return [...found].map(([name, { path, wanted, original, scanned }]): ProtoSource => {
    const own = edits.get(name) ?? [];
    const source = { name, path, wanted, hints: hints.get(name) ?? new Map() };
    // what others import must keep its names, and is compiled with them
    if (!scanned.isOneFile || imported.has(name)) return { ...source, text: edited(original, own), insertion: undefined };
    const text = ` package ${unitPackage(units++)};`;
    const before = original.slice(0, scanned.packageAt).split("\n");
    const insertion = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, length: text.length };
    return { ...source, text: edited(original, [...own, { start: scanned.packageAt, end: scanned.packageAt, text }]), insertion };
  });
}

/** The nearest folder above a file from which its import could be found. */
function folderAbove(file: string, imported: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, imported))) return folder;
  }
  return undefined;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function realFolder(folder: string, cwd: string): string {
  const path = resolve(cwd, folder);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new CodegenError(`${folder}: no such folder`);
  if (!stats.isDirectory()) throw new CodegenError(`${folder}: not a folder`);
  return realpathSync(path);
}

/** In order of name, without hidden folders and `node_modules`; links are followed, each folder is entered once. */
function protoFilesIn(root: string): string[] {
  const files: string[] = [];
  const entered = new Set<string>();
  const enter = (folder: string) => {
    const real = realpathSync(folder);
    if (entered.has(real)) return;
    entered.add(real);
    for (const name of readdirSync(folder).sort()) {
      if (name.startsWith(".") || name === "node_modules") continue;
      const path = join(folder, name);
      const stats = statSync(path, { throwIfNoEntry: false }); // a dangling link is nothing
      if (stats?.isDirectory()) enter(path);
      else if (stats?.isFile() && name.endsWith(".proto")) files.push(path);
    }
  };
  enter(root);
  return files;
}

function edited(text: string, edits: readonly Edit[]): string {
  const backwards = [...edits].sort((a, b) => b.start - a.start);
  return backwards.reduce((result, edit) => result.slice(0, edit.start) + edit.text + result.slice(edit.end), text);
}
