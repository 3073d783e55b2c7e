/** From what somebody types to a method and its request, and from the reply to what they read. */
import { closest } from "../internal/closest.js";
import { messageOf } from "../internal/message-of.js";
import { CommandError, UsageError } from "./command.js";
import { JsonFault, messageFromJson, messageToJson } from "./json-message.js";
import type { ProtoMethod } from "./proto-methods.js";

/** By its full name, or by its end as long as that is unique. @throws {@link CommandError} */
export function findMethod(methods: readonly ProtoMethod[], name: string): ProtoMethod {
  const exact = methods.find((method) => method.name === name);
  // Stubs write methods with a small letter, .proto files often with a capital one.
  const [wanted, ends] = [name.toLowerCase(), (method: ProtoMethod) => method.name.toLowerCase()];
  const ending = methods.filter(
    (method) => ends(method) === wanted || ends(method).endsWith(`/${wanted}`) || ends(method).endsWith(`.${wanted}`),
  );
  const names = methods.map((method) => method.name);
  const found = exact ?? (ending.length === 1 ? ending[0] : undefined);
  if (found === undefined) {
    if (ending.length > 1) throw new CommandError(`"${name}" may be ${ending.map((method) => method.name).join(" or ")}`);
    const meant = closest(name, names);
    throw new CommandError(`no method "${name}"; ${meant === undefined ? `there are ${names.join(", ")}` : `did you mean "${meant}"?`}`);
  }
  if (found.isStreaming) throw new CommandError(`${found.name} is a streaming method, which this command does not call`);
  return found;
}

/** @throws {@link UsageError} */
export function requestOf(method: ProtoMethod, json: string): Uint8Array {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UsageError(`the request is no JSON: ${messageOf(error)}`);
  }
  try {
    return method.input.encode(method.input.fromObject(messageFromJson(method.input, value))).finish();
  } catch (error) {
    if (error instanceof JsonFault) throw new UsageError(`the request: ${error.message}`);
    throw error;
  }
}

/** @throws {@link CommandError} when it does not decode. */
export function replyOf(method: ProtoMethod, reply: Uint8Array): unknown {
  try {
    return messageToJson(method.output, reply);
  } catch (error) {
    throw new CommandError(
      `the reply of ${method.name} is no ${method.output.name}: ${messageOf(error)}; are these the .proto files of the node?`,
    );
  }
}
