/**
 * The subject alternative names of a certificate, out of the one line in which Node.js gives them:
 * `DNS:a.example, URI:clusterts://default/1.2.3, DNS:"b, URI:clusterts://default/9.9.9"`.
 *
 * A name with a comma, a quote or the like in it stands there as a JSON string, so that a name cannot pose as two. This
 * reader takes that grammar and nothing else.
 */

export interface AltName {
  /** `DNS`, `URI`, `IP Address`, ... */
  readonly type: string;
  readonly value: string;
}

const ENTRY = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^",\\]*)(?:, |$)/y;

/** Pure. `undefined` when the line is anything else than a list of names: then none of it is to be believed. */
export function parseSubjectAltNames(line: string): readonly AltName[] | undefined {
  const names: AltName[] = [];
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < line.length) {
    const match = ENTRY.exec(line);
    if (match === null) return undefined;
    const value = match[2]!.startsWith('"') ? unquoted(match[2]!) : match[2]!;
    if (value === undefined) return undefined;
    names.push({ type: match[1]!, value });
  }
  return line.endsWith(", ") ? undefined : names;
}

/** Names of type URI; none when the line cannot be read. */
export function urisOf(line: string | undefined): readonly string[] {
  const names = line === undefined ? undefined : parseSubjectAltNames(line);
  return (names ?? []).filter(({ type }) => type === "URI").map(({ value }) => value);
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
