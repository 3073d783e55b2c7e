/** Opens a server of Node.js. */
import type { AddressInfo, Server } from "node:net";
import { type Endpoint, formatEndpoint } from "../../addr/endpoint.js";
import { describeCause } from "../../internal/describe-cause.js";

export interface BindOptions {
  readonly host: string | undefined;
  readonly port: number;
  readonly backlog: number;
}

/** Resolves with the endpoint that it got. From then on `onError` hears what goes wrong with accepting. @throws Error with the system's `code`. */
export function bind(server: Server, { host, port, backlog }: BindOptions, onError: (error: Error) => void): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      const where = formatEndpoint({ host: host ?? "*", port });
      const { code } = cause as NodeJS.ErrnoException;
      reject(Object.assign(new Error(`listen ${where}: ${describeCause(cause)}`, { cause }), { code }));
    };
    server.once("error", failed);
    server.listen({ port, backlog, exclusive: true, ...(host !== undefined && { host }) }, () => {
      server.off("error", failed);
      server.on("error", onError);
      const bound = server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
  });
}
