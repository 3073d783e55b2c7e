/** The stubs of one `service`: interfaces of both sides, and an object with `Register`, `Call` and `Post`. */
import { docComment } from "./places.js";
import type { Rpc, Service } from "./services.js";
import type { StubNames } from "./stub-names.js";

export function emitService(service: Service, names: StubNames): string {
  const unary = service.rpcs.filter((rpc) => rpc.kind === "unary");
  return [
    emitHandlers(service, names),
    emitCalls(service, names),
    ...(unary.length > 0 ? [emitPosts(service, unary, names)] : []),
    ...service.rpcs.map((rpc) => emitMethod(service, rpc, names)),
    "\n",
    emitCaller(service, "Calls", service.rpcs, names),
    ...(unary.length > 0 ? [emitCaller(service, "Posts", unary, names)] : []),
    emitObject(service, unary.length > 0, names),
  ].join("");
}

function emitHandlers({ name, protoName, rpcs, ...service }: Service, names: StubNames): string {
  const methods = rpcs.map((rpc) => {
    const parameter = receivesMany(rpc)
      ? `requests: ${names.global("AsyncIterable")}<${names.message(rpc.input)}>`
      : `request: ${names.message(rpc.input)}`;
    const output = names.message(rpc.output);
    const result = sendsMany(rpc) ? `${names.global("AsyncIterable")}<${output}>` : `${output} | ${names.global("Promise")}<${output}>`;
    return `${docComment(rpc.comment, "  ", rpc.deprecated)}  ${property(rpc)}(${parameter}, context: C): ${result};\n`;
  });
  const comment = docComment(service.comment, "", service.deprecated) || docComment(`Handlers of \`${protoName}\`.`);
  return `${comment}export interface ${name}Handlers<C = ${names.type("Context")}> {\n${methods.join("")}}\n\n`;
}

function emitCalls({ name, protoName, rpcs }: Service, names: StubNames): string {
  const methods = rpcs.map((rpc) => `${docComment(rpc.comment, "  ", rpc.deprecated)}  ${property(rpc)}${callSignature(rpc, names)};\n`);
  return `${docComment(`Calls of \`${protoName}\`.`)}export interface ${name}Calls {\n${methods.join("")}}\n\n`;
}

function emitPosts({ name, protoName }: Service, unary: readonly Rpc[], names: StubNames): string {
  const methods = unary.map((rpc) => `${docComment(rpc.comment, "  ", rpc.deprecated)}  ${property(rpc)}${postSignature(rpc, names)};\n`);
  const comment = docComment(
    `\`${protoName}\` one-way: the handler runs, nobody waits for it. Resolves when the request was handed to the link.`,
  );
  return `${comment}export interface ${name}Posts {\n${methods.join("")}}\n\n`;
}

function callSignature(rpc: Rpc, names: StubNames): string {
  const partial = `DeepPartial<${names.message(rpc.input)}>`;
  const parameter = receivesMany(rpc)
    ? `requests: ${names.global("AsyncIterable")}<${partial}> | ${names.global("Iterable")}<${partial}>`
    : `request: ${partial}`;
  return `(${parameter}, options?: ${names.type("CallOptions")}): ${callResult(rpc, names)}`;
}

function callResult(rpc: Rpc, names: StubNames): string {
  return `${names.global(sendsMany(rpc) ? "AsyncIterableIterator" : "Promise")}<${names.message(rpc.output)}>`;
}

function postSignature(rpc: Rpc, names: StubNames): string {
  return `(request: DeepPartial<${names.message(rpc.input)}>, options?: ${names.type("PostOptions")}): ${names.global("Promise")}<void>`;
}

/** In an interface, `new(): T` without quotes declares a constructor. */
function property(rpc: Rpc): string {
  return rpc.name === "new" ? '"new"' : rpc.name;
}

/** No name of a `.proto` file holds a `$`, so these never clash. */
function methodConstant(service: string, rpc: Rpc): string {
  return `${service}$${rpc.name}`;
}

function emitMethod({ name }: Service, rpc: Rpc, names: StubNames): string {
  const { input, output } = rpc;
  const codecs = `${names.message(input)}, ${names.message(output)}`;
  return `const ${methodConstant(name, rpc)} = ${names.value("defineMethod")}("${rpc.fullName}", "${rpc.kind}", ${codecs});\n`;
}

/** A class, not an object of closures: `Chat.Call(node, to).say(...)` makes one small object per call. */
function emitCaller({ name }: Service, what: "Calls" | "Posts", rpcs: readonly Rpc[], names: StubNames): string {
  const [caller, target] = [names.type("Caller"), names.type("Target")];
  const methods = rpcs.map((rpc) => {
    const method = methodConstant(name, rpc);
    const input = receivesMany(rpc) ? "requests" : "request";
    const [signature, body] =
      what === "Posts"
        ? [postSignature(rpc, names), `this.#node.post(this.#to, ${method}, request, options)`]
        : [callSignature(rpc, names), `this.#node.invoke(this.#to, ${method}, ${input}, options) as ${callResult(rpc, names)}`];
    return `\n  ${rpc.name}${signature} {\n    return ${body};\n  }\n`;
  });
  return `class ${name}$${what} implements ${name}${what} {
  readonly #node: ${caller};
  readonly #to: ${target} | undefined;

  constructor(node: ${caller}, to: ${target} | undefined) {
    this.#node = node;
    this.#to = to;
  }
${methods.join("")}}\n\n`;
}

function emitObject({ name, protoName, rpcs, ...service }: Service, posts: boolean, names: StubNames): string {
  const [caller, target] = [names.type("Caller"), names.type("Target")];
  const handles = rpcs.map((rpc) => {
    const [parameter, type] = receivesMany(rpc)
      ? ["requests", `${names.global("AsyncIterable")}<${names.message(rpc.input)}>`]
      : ["request", names.message(rpc.input)];
    const handler = `(${parameter}: ${type}, context: C) => handlers.${rpc.name}(${parameter}, context)`;
    return `    node.handle(${methodConstant(name, rpc)}, ${handler});\n`;
  });
  const post = `
  /** One-way, to \`to\`: nobody waits for the handlers. */
  Post(node: ${caller}, to?: ${target}): ${name}Posts {
    return new ${name}$Posts(node, to);
  },
`;
  return `${docComment(service.comment, "", service.deprecated) || docComment(`Stubs of \`${protoName}\`.`)}export const ${name} = {
  /**
   * Makes the methods of \`handlers\` answer; they keep their \`this\`.
   *
   * @throws TypeError when one is missing; Error when a method has a handler already.
   */
  Register<C = ${names.type("Context")}>(node: ${names.type("Registrar")}<C>, handlers: ${name}Handlers<C>): void {
    for (const name of [${rpcs.map((rpc) => `"${rpc.name}"`).join(", ")}] as const) {
      if (typeof handlers[name] !== "function") throw new globalThis.TypeError(\`${protoName}: the handlers lack a method "\${name}"\`);
    }
${handles.join("")}  },

  /** Calls to \`to\`; without it, to wherever \`node\` sends them by itself. */
  Call(node: ${caller}, to?: ${target}): ${name}Calls {
    return new ${name}$Calls(node, to);
  },
${posts ? post : ""}};\n\n`;
}

function receivesMany({ kind }: Rpc): boolean {
  return kind === "client" || kind === "bidi";
}

function sendsMany({ kind }: Rpc): boolean {
  return kind === "server" || kind === "bidi";
}
