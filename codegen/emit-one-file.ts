/** The stubs of a file of the one-file convention: functions, as the file is one rpc. */
import type { Rpc } from "./services.js";
import type { StubNames } from "./stub-names.js";

/** What such a file exports beside its messages. */
export const ONE_FILE_EXPORTS = ["Register", "Call", "CallWithCallback", "Post"] as const;

export function emitOneFile(rpc: Rpc, names: StubNames): string {
  const promise = names.global("Promise");
  const [caller, target, callOptions] = [names.type("Caller"), names.type("Target"), names.type("CallOptions")];
  const [context, registrar, handler] = [names.type("Context"), names.type("Registrar"), names.type("UnaryHandler")];
  return `const $method = ${names.value("defineMethod")}("${rpc.fullName}", "unary", Request, Response);

/**
 * Makes \`handler\` answer \`${rpc.fullName}\`.
 *
 * @throws TypeError when it is no function; Error when \`${rpc.fullName}\` has a handler already.
 */
export function Register<C = ${context}>(node: ${registrar}<C>, handler: ${handler}<Request, Response, C>): void {
  if (typeof handler !== "function") throw new globalThis.TypeError("${rpc.fullName}: the handler is not a function");
  node.handle($method, handler);
}

/** Calls \`${rpc.fullName}\` on \`to\` and resolves with its reply. */
export function Call(node: ${caller}, to: ${target}, request: DeepPartial<Request>, options?: ${callOptions}): ${promise}<Response> {
  return node.invoke(to, $method, request, options) as ${promise}<Response>;
}

/**
 * Calls \`${rpc.fullName}\` on \`to\`. The callback runs once and never before this function has returned; after a cancel in time it gets
 * an error of code \`CANCELLED\`.
 *
 * @returns cancels the call, and tells whether it was still open.
 */
export function CallWithCallback(
  node: ${caller},
  to: ${target},
  request: DeepPartial<Request>,
  options: ${callOptions} | undefined,
  callback: (error: ${names.type("RpcError")} | null, response?: Response) => void,
): () => boolean {
  return ${names.value("callWithCallback")}(node, to, $method, request, options, callback);
}

/** Sends the request one-way: the handler runs, nobody waits for it. Resolves when it was handed to the link. */
export function Post(node: ${caller}, to: ${target}, request: DeepPartial<Request>, options?: ${names.type("PostOptions")}): ${promise}<void> {
  return node.post(to, $method, request, options);
}
`;
}
