/** The calling side: calls in flight, one-way messages, streams. */
import { makeCodec } from "./codecs.mjs";
import { makeCall } from "./deadlines.mjs";
import { FRAME, METHOD, STREAM } from "./frame.mjs";
import { resolve } from "./options.mjs";
import { dial } from "./sockets.mjs";
import { Stream } from "./stream.mjs";

export async function connect(options) {
  const settings = resolve(options);
  const { encode, decode } = await makeCodec(settings);
  const inFlight = settings.pending === "ring" ? new Ring() : new Map();
  const streams = new Map();
  let lastId = 0;
  const nextId = () => {
    lastId = (lastId + 1) >>> 0;
    return lastId;
  };

  const writer = await dial(settings, settings.port, (type, id, _method, buffer, from, to) => {
    switch (type) {
      case FRAME.reply: {
        const entry = inFlight.get(id);
        inFlight.delete(id);
        if (typeof entry === "function") entry(decode(buffer, from, to));
        else entry.resolve(decode(buffer, from, to));
        break;
      }
      case FRAME.data:
        streams.get(id)?.gotData(buffer, from, to);
        break;
      case FRAME.credit:
        streams.get(id)?.gotCredit(buffer.readUInt32LE(from));
        break;
      case FRAME.fin: {
        const stream = streams.get(id);
        streams.delete(id);
        stream?.onFin?.();
        break;
      }
    }
  });
  const send = (type, id, method, value) => writer.send(type, id, method, encode === null ? value : encode(value));

  const calls = {
    entries: inFlight,
    /** `entry`: a function of the reply, or an object with it as `resolve`. Gives the call's id. */
    request(entry, payload, method = METHOD.echo) {
      const id = nextId();
      inFlight.set(id, entry);
      send(FRAME.request, id, method, payload);
      return id;
    },
    /** Gives the entry that was there. */
    remove(id) {
      const entry = inFlight.get(id);
      inFlight.delete(id);
      return entry;
    },
  };
  const call = makeCall(calls, settings.timer);

  return {
    call: settings.completion === "async" ? throughAsyncFunctions(call) : call,
    callCb: settings.completion === "callback" ? (payload, callback) => calls.request(callback, payload) : undefined,
    bigAsString: settings.codec === "json", // a Buffer would become a list of numbers
    oneway(payload) {
      send(FRAME.oneway, 0, METHOD.echo, payload);
      return writer.full ? writer.drained() : undefined;
    },
    onewayCount: () => new Promise((done) => calls.request((count) => done(Number(count)), "", METHOD.count)),
    async openStream() {
      const id = nextId();
      const stream = new Stream(writer, id);
      streams.set(id, stream);
      stream.open(settings.scenario.startsWith("E2") ? STREAM.count : STREAM.echo);
      return forLoadLoop(stream);
    },
  };
}

function throughAsyncFunctions(call) {
  const inner = async (payload) => await call(payload);
  return async (payload) => {
    const reply = await inner(payload);
    return reply;
  };
}

function forLoadLoop(stream) {
  let want;
  stream.onData = (buffer, from, to) => {
    const got = want;
    want = undefined;
    got?.(Buffer.from(buffer.subarray(from, to)));
  };
  const next = (start) =>
    new Promise((done) => {
      want = done;
      start();
    });
  return {
    echo: (buffer) => next(() => stream.write(buffer)),
    close: () =>
      new Promise((done) => {
        stream.onFin = done;
        stream.fin();
      }),
    write: (buffer) => stream.write(buffer),
    finish: async () => Number(String(await next(() => stream.fin()))),
  };
}

/** Like a Map from ids to calls, for up to 65,536 in flight. */
class Ring {
  #entries = new Array(65_536).fill(undefined);
  get(id) {
    return this.#entries[id & 65_535];
  }
  set(id, entry) {
    this.#entries[id & 65_535] = entry;
  }
  delete(id) {
    this.#entries[id & 65_535] = undefined;
  }
}
