/** Reads as much of a `.proto` file as must be known before it is compiled: its imports, and whether it is a one-file rpc. */
import { isOneFileConvention } from "../one-file.js";

export interface ScannedImport {
  readonly path: string;
  /** Of the string literal, quotes included. */
  readonly start: number;
  readonly end: number;
}

export interface ScannedProto {
  readonly imports: readonly ScannedImport[];
  readonly isOneFile: boolean;
  /** Where a `package` statement can be put: behind the `syntax` or `edition` statement, else at the start. */
  readonly packageAt: number;
}

interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Comments and space, or one token: a string, a word, or a single character. A broken string is left to the compiler. */
const TOKEN = /\s+|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|("(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[\w.]+|[^\s])/gy;

export function scanProto(text: string): ScannedProto {
  const imports: ScannedImport[] = [];
  const messages: string[] = [];
  let packageAt = text.startsWith("\uFEFF") ? 1 : 0;
  let standsAlone = true;
  let depth = 0;
  for (const statement of statements(text)) {
    const [first, second, third] = statement;
    if (first === undefined) continue;
    if (depth === 0) {
      const last = statement.at(-1) ?? first;
      if (first.text === "package" || first.text === "service") standsAlone = false;
      else if (first.text === "message" && second !== undefined) messages.push(second.text);
      else if ((first.text === "syntax" || first.text === "edition") && last.text === ";") packageAt = last.end;
      else if (first.text === "import" && second !== undefined) {
        const literal = /^["']/.test(second.text) ? second : third;
        if (literal !== undefined) imports.push({ path: literal.text.slice(1, -1), start: literal.start, end: literal.end });
      }
    }
    for (const { text: token } of statement) depth += token === "{" ? 1 : token === "}" ? -1 : 0;
  }
  return { imports, isOneFile: standsAlone && isOneFileConvention(messages), packageAt };
}

/** Tokens up to and with the next `;`, `{` or `}`. */
function* statements(text: string): Generator<Token[]> {
  let statement: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const token = match[1];
    if (token === undefined) continue;
    statement.push({ text: token, start: match.index, end: match.index + token.length });
    if (token === ";" || token === "{" || token === "}") {
      yield statement;
      statement = [];
    }
  }
  if (statement.length > 0) yield statement;
}
