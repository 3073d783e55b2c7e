/** The channels themselves. Whoever publishes asks `hasSubscribers` first, so that an event nobody wants costs one test. */
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Events } from "./events.js";

/** One channel, as publishers see it. */
interface Publisher<E> {
  readonly hasSubscribers: boolean;
  publish(event: E): void;
}

/** Held here: a channel that nobody holds is forgotten with its subscribers. */
function publisher<K extends keyof Events>(name: K): Publisher<Events[K]> {
  return channel(name);
}

export const nodeEvents = publisher("clusterts:node");
export const linkEvents = publisher("clusterts:link");
export const memberEvents = publisher("clusterts:member");
export const discoveryEvents = publisher("clusterts:discovery");
export const dropEvents = publisher("clusterts:drop");
export const limitEvents = publisher("clusterts:limit");
export const callEvents = publisher("clusterts:call");
export const handlerEvents = publisher("clusterts:handler");
export const messageEvents = publisher("clusterts:message");
export const gatewayEvents = publisher("clusterts:gateway");

/**
 * Calls `listener` with each event of one kind, of all nodes of this process, until the returned function is called. It runs
 * in the midst of the library's work: it must be quick, and what it throws becomes an uncaught exception of the process.
 *
 * The same as `diagnostics_channel.subscribe(name, listener)`, with types.
 */
export function onEvent<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): () => void {
  const subscriber = (event: unknown): void => listener(event as Events[K]);
  subscribe(name, subscriber);
  return () => void unsubscribe(name, subscriber);
}
