/** A Node.js server as a {@link Listener}; what TCP and TLS have in common. */
import type { AddressInfo, Server } from "node:net";
import { type Endpoint, formatEndpoint } from "../addr/endpoint.js";
import { codeOf, systemError } from "./system-error.js";
import type { Listener } from "./transport.js";

/** Told of what goes wrong with accepting (EMFILE, ...) while the listener goes on listening at `endpoint`. */
export type ListenerErrorHandler = (error: Error, endpoint: Endpoint) => void;

/**
 * Starts `server`. The port is this process's alone, also under node:cluster.
 *
 * @throws Error with the system's `code`; nothing is left open then.
 */
export function openListener(server: Server, endpoint: Endpoint, onError: ListenerErrorHandler): Promise<Listener> {
  return new Promise<Listener>((resolve, reject) => {
    const onFailure = (cause: Error): void => reject(listenError(endpoint, cause));
    server.once("error", onFailure);
    server.listen({ host: endpoint.host, port: endpoint.port, exclusive: true }, () => {
      const listening: Endpoint = { host: endpoint.host, port: (server.address() as AddressInfo).port };
      server.off("error", onFailure);
      server.on("error", (error) => onError(error, listening));
      resolve({
        endpoint: listening,
        close: () => {
          // The port is free when close() returns. Its callback would wait for every open connection to end.
          if (server.listening) server.close();
          return Promise.resolve();
        },
      });
    });
  });
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "something else listens there",
  EADDRNOTAVAIL: "this machine does not have that address",
  EACCES: "this process may not use that port",
};

function listenError(endpoint: Endpoint, cause: Error): Error {
  const code = codeOf(cause);
  const hint = HINTS[code];
  return systemError(code, `listen ${formatEndpoint(endpoint)}: ${code}${hint === undefined ? "" : ` (${hint})`}`, cause);
}
