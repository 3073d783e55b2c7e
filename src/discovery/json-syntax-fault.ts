/** What is wrong with a text that is no JSON, in words for whoever edits the file. */
import { tokenize } from "@humanwhocodes/momoa";

/** `line:column: what is wrong`, from what the parser threw. */
export function syntaxFault(error: unknown, text: string): string {
  if (!hasPosition(error)) return "1:1: it is nested too deeply"; // the parser's only other failure is a full stack
  const { line, column, offset } = error;
  if (text.trim() === "") return '1:1: it is empty; without nodes it is { "nodes": [] }';
  if (endsOpen(text)) return `${endOf(text)}: the file ends while a { or [ is still open`;
  const found = text[offset];
  if (found === undefined) return `${line}:${column}: the file ends too early`;
  const before = text.slice(0, offset).trimEnd();
  if ((found === "}" || found === "]") && before.endsWith(",")) return `${line}:${column}: a comma before ${found} is too many`;
  if (found === "/") return `${line}:${column}: comments are not allowed`;
  return `${line}:${column}: ${JSON.stringify(found)} is not expected here`;
}

function hasPosition(error: unknown): error is { line: number; column: number; offset: number } {
  return typeof error === "object" && error !== null && "line" in error && "column" in error && "offset" in error;
}

/** Whether more is opened than closed, and nothing else is wrong with the tokens. */
function endsOpen(text: string): boolean {
  try {
    let open = 0;
    for (const { type } of tokenize(text, { mode: "json" })) {
      if (type === "LBrace" || type === "LBracket") open++;
      else if (type === "RBrace" || type === "RBracket") open--;
    }
    return open > 0;
  } catch {
    return false; // there is a worse fault, and the parser named its place
  }
}

function endOf(text: string): string {
  const lines = text.trimEnd().split("\n");
  return `${lines.length}:${lines.at(-1)!.length + 1}`;
}
