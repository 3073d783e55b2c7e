/** `option (clusterts.msg_id) = N`: which messages can be sent on their own, and under which number. */
import type { FileDescriptorProto, MessageOptions } from "@bufbuild/protobuf/wkt";
import { FIELD, type Places } from "./places.js";
import type { NamedType } from "./rename.js";

export const OPTIONS_FILE = "clusterts/options.proto";
/** Field number of the extension in {@link OPTIONS_FILE}. */
const MSG_ID = 58410;

/** Finds duplicates over all files of a run. */
export class MessageIds {
  readonly #seen = new Map<number, string>();
  readonly #problems: string[];

  constructor(problems: string[]) {
    this.#problems = problems;
  }

  /** The ids of a file's messages, by type name; empty when nothing that it imports declares the option. */
  of(
    file: FileDescriptorProto,
    all: ReadonlyMap<string, FileDescriptorProto>,
    types: Iterable<NamedType>,
    places: Places,
  ): Map<NamedType, number> {
    const ids = new Map<NamedType, number>();
    if (!seesOptions(file, all)) return ids;
    for (const type of types) {
      const id = type.message === undefined ? undefined : messageId(type.message.options);
      if (id === undefined) continue;
      const place = places.at([...type.path, FIELD.message.options, MSG_ID]);
      const earlier = this.#seen.get(id);
      if (id === 0) this.#problems.push(`${place}: the msg_id of ${type.protoName} is 0: use 1 or more`);
      else if (earlier !== undefined) this.#problems.push(`${place}: ${type.protoName} has msg_id ${id}, which ${earlier} has already`);
      else this.#seen.set(id, `${type.protoName} (${place})`);
      ids.set(type, id);
    }
    return ids;
  }
}

/** Other projects may use the same number for an option of theirs. */
function seesOptions(file: FileDescriptorProto, all: ReadonlyMap<string, FileDescriptorProto>): boolean {
  const seen = new Set<string>();
  const look = (name: string): boolean => {
    if (name === OPTIONS_FILE) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    const next = all.get(name);
    return next?.publicDependency.some((index) => look(next.dependency[index] ?? "")) ?? false;
  };
  return file.dependency.some(look);
}

/** The option is an extension, so descriptor.proto's own decoder keeps it as an unknown varint. The last one counts. */
function messageId(options: MessageOptions | undefined): number | undefined {
  const bytes = options?.$unknown?.findLast((field) => field.no === MSG_ID && field.wireType === 0)?.data;
  return bytes?.reduce((value, byte, index) => (value | ((byte & 0x7f) << (7 * index))) >>> 0, 0);
}
