/** A UDP socket that looks nothing up and lets nobody wait: what the system does not take is lost, as on the path. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { type Endpoint, formatEndpoint } from "../addr/endpoint.js";

/** Where datagrams go to and come from. */
export interface Remote {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
}

export interface DatagramHandler {
  onDatagram(datagram: Buffer, remote: Remote): void;
  /** The system told that something is wrong with the socket, or that an earlier datagram reached nobody. */
  onError(error: NodeJS.ErrnoException): void;
}

export class DatagramSocket {
  readonly #socket: Socket;
  readonly #isConnected: boolean;
  readonly endpoint: Endpoint;

  private constructor(socket: Socket, isConnected: boolean) {
    this.#socket = socket;
    this.#isConnected = isConnected;
    const { address, port } = socket.address();
    this.endpoint = { host: address, port };
  }

  /** Takes datagrams of everybody. Asks the system for `receiveBufferBytes`. @throws Error with the system's `code`. */
  static async bind({ host, port }: Endpoint, receiveBufferBytes: number, handler: DatagramHandler): Promise<DatagramSocket> {
    const socket = socketFor(host, handler);
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => {
        socket.close();
        reject(error);
      };
      socket.once("error", failed);
      socket.bind({ address: host, port }, () => {
        socket.off("error", failed);
        resolve();
      });
    });
    return ready(socket, receiveBufferBytes, handler, new DatagramSocket(socket, false));
  }

  /** As {@link bind}, of one peer, and hears when its port is closed. */
  static async connect({ host, port }: Endpoint, receiveBufferBytes: number, handler: DatagramHandler): Promise<DatagramSocket> {
    const socket = socketFor(host, handler);
    await new Promise<void>((resolve, reject) => {
      socket.connect(port, host, (error?: Error) => {
        if (error === undefined || error === null) return resolve();
        socket.close();
        reject(error);
      });
    });
    return ready(socket, receiveBufferBytes, handler, new DatagramSocket(socket, true));
  }

  /** What the system has given for datagrams that wait to be read. */
  get receiveBufferBytes(): number {
    return this.#socket.getRecvBufferSize();
  }

  /** `sent` is called with an error when the system did not take it. */
  send(datagram: Buffer, remote: Remote, sent: (error: Error | null) => void): void {
    if (this.#isConnected) this.#socket.send(datagram, sent);
    else this.#socket.send(datagram, remote.port, remote.address, sent);
  }

  /** Lets the process end while it is open. */
  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.close();
  }
}

/** Addresses are IP literals already: a lookup of each would cost a turn of the event loop per datagram. */
function socketFor(host: string, handler: DatagramHandler): Socket {
  const family = isIPv6(host) ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? "udp6" : "udp4",
    lookup: (address, _options, callback) => callback(null, address, family),
  });
  socket.on("message", (datagram: Buffer, { address, port }: RemoteInfo) => handler.onDatagram(datagram, { address, port }));
  return socket;
}

function ready(socket: Socket, receiveBufferBytes: number, handler: DatagramHandler, wrapped: DatagramSocket): DatagramSocket {
  socket.on("error", (error: NodeJS.ErrnoException) => handler.onError(error));
  setReceiveBuffer(socket, receiveBufferBytes);
  return wrapped;
}

/** Linux gives what it may; others refuse what is too much, and what they gave at first stays. */
function setReceiveBuffer(socket: Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SOCKET_BUFFER_SIZE") throw error;
  }
}

/** For people: an IPv4 peer of a socket that listens on `::` is shown as what it is. */
export function formatRemote({ address, port }: Remote): string {
  return formatEndpoint({ host: address.replace(/^::ffff:(?=\d+\.)/i, ""), port });
}
