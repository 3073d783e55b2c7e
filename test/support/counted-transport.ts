/** A transport that counts the dials through it, and knows which of its connections are open. */
import type { Endpoint } from "../../src/addr/endpoint.js";
import type { Connection, ConnectionHandler, Listener, Transport } from "../../src/transport/transport.js";

export class CountedTransport implements Transport {
  dials = 0;
  readonly open = new Set<Connection>();
  readonly #inner: Transport;

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  async dial(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    this.dials++;
    return this.#count(await this.#inner.dial(endpoint, signal));
  }

  listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listener> {
    return this.#inner.listen(endpoint, (connection) => onConnection(this.#count(connection)));
  }

  /** `connection` itself; whoever handles it is told of its end as before. */
  #count(connection: Connection): Connection {
    this.open.add(connection);
    const setHandler = connection.setHandler.bind(connection);
    connection.setHandler = (handler: ConnectionHandler) =>
      setHandler({
        onData: (chunk) => handler.onData(chunk),
        onDrain: () => handler.onDrain(),
        onClose: (error) => {
          this.open.delete(connection);
          handler.onClose(error);
        },
      });
    return connection;
  }
}
