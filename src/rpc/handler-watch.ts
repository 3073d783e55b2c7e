/** A handler that somebody watches over `clusterts:handler`. Wrapped only while somebody does. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { type Code, RpcError } from "../errors.js";
import { handlerEvents } from "../events/channels.js";
import type { Clock } from "../internal/clock.js";
import { isThenable } from "../internal/is-thenable.js";
import { nextEventId } from "./event-id.js";
import type { MethodHandler } from "./handler-table.js";

/** Hot path. `run`, or where somebody watches one that also tells when it begins and when it settles. */
export function watchedWhereAsked(run: MethodHandler["run"], self: LogicalAddress, clock: Clock): MethodHandler["run"] {
  return handlerEvents.hasSubscribers ? watchedHandler(run, self, clock) : run;
}

function watchedHandler(run: MethodHandler["run"], self: LogicalAddress, clock: Clock): MethodHandler["run"] {
  return (input, context) => {
    const facts = {
      node: formatAddress(self),
      id: nextEventId(),
      method: context.method,
      oneWay: context.isOneWay,
      peer: formatAddress(context.from),
    };
    const startedAt = clock.now();
    const end = (code: "OK" | Code): void => handlerEvents.publish({ type: "end", ...facts, code, durationMs: clock.now() - startedAt });
    handlerEvents.publish({ type: "start", ...facts });
    let result: unknown;
    try {
      result = run(input, context);
    } catch (error) {
      end(codeOf(error));
      throw error;
    }
    if (!isThenable(result)) {
      end("OK");
      return result;
    }
    const settled = Promise.resolve(result);
    settled.then(
      () => end("OK"),
      (error: unknown) => end(codeOf(error)),
    );
    return settled;
  };
}

/** What the caller gets for it. */
function codeOf(thrown: unknown): Code {
  return RpcError.is(thrown) ? thrown.code : "INTERNAL";
}
