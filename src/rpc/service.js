import { nameHash } from "./name-hash.js";
/** Makes a {@link Method}; `name` is `"package.Service/method"`, or the file's name in the one-file convention. */
export function defineMethod(name, kind, input, output) {
  return Object.freeze({ name, id: nameHash(name), kind, input, output });
}
