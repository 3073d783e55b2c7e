/** Network endpoints, `host:port`. IPv6 literals stand in brackets: `[::1]:8000`. */
import { InvalidOptionsError } from "../errors.js";

export interface Endpoint {
  /** A host name or an IP literal, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?$/;
const IPV6 = /^[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?$/;

/** Parses `host:port`. @throws {@link InvalidOptionsError} saying what is wrong. Port 0 asks the system for a free one, where one listens. */
export function parseEndpoint(text: string): Endpoint {
  const fault = (problem: string): never => {
    throw new InvalidOptionsError(`endpoint ${JSON.stringify(text)}`, [problem]);
  };
  const bracketed = /^\[([^\]]*)\]:([0-9]+)$/.exec(text);
  const plain = bracketed ?? /^([^:]*):([0-9]+)$/.exec(text);
  if (plain === null) {
    return fault(
      text.split(":").length > 2 ? "an IPv6 address stands in brackets, as in [::1]:8000" : "expected host:port, as in 10.0.1.7:8011",
    );
  }
  const host = plain[1]!;
  const port = Number(plain[2]);
  if (port > 65_535) fault(`port ${port} is not from 0 to 65535`);
  if (bracketed !== null ? !(IPV6.test(host) && host.includes(":")) : !HOST_NAME.test(host)) {
    fault(
      host === ""
        ? "the host is missing; 0.0.0.0 or [::] listens on all interfaces"
        : `${JSON.stringify(host)} is neither a host name nor an IP address`,
    );
  }
  return { host, port };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether `host` is this machine only. A name other than `localhost` is not looked up and is not. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host) || /^::ffff:127\./i.test(host);
}

/** Whether listening there means on all interfaces: nothing that others could dial. */
export function isWildcardHost(host: string): boolean {
  return host === "0.0.0.0" || host === "::" || host === "::0" || host === "0:0:0:0:0:0:0:0";
}
