/** The serving side: echo, a count of one-way messages, and streams. */
import { AsyncLocalStorage } from "node:async_hooks";
import { makeCodec } from "./codecs.mjs";
import { FRAME, METHOD, STREAM } from "./frame.mjs";
import { resolve } from "./options.mjs";
import { serve } from "./sockets.mjs";
import { Stream } from "./stream.mjs";

export async function startServer(options) {
  const settings = resolve(options);
  const { encode, decode } = await makeCodec(settings);
  const storage = settings.als ? new AsyncLocalStorage() : null;
  const echo = settings.handler ?? (settings.handlerKind === "async" ? async (value) => value : (value) => value);
  const handlers = [null, echo];
  let oneways = 0;

  await serve(settings, (writer) => {
    const streams = new Map();
    const reply = (id, value) => writer.send(FRAME.reply, id, 0, encode === null ? value : encode(value));
    const handle = (id, method, value) => {
      const result = handlers[method](value);
      if (result && typeof result.then === "function") result.then((later) => reply(id, later));
      else reply(id, result);
    };
    return (type, id, method, buffer, from, to) => {
      switch (type) {
        case FRAME.request:
          if (method === METHOD.count) reply(id, String(oneways));
          else if (storage === null) handle(id, method, decode(buffer, from, to));
          else storage.run({ id }, handle, id, method, decode(buffer, from, to));
          break;
        case FRAME.oneway:
          decode(buffer, from, to);
          oneways++;
          break;
        case FRAME.open:
          streams.set(id, accept(new Stream(writer, id), method));
          break;
        case FRAME.data:
          streams.get(id)?.gotData(buffer, from, to);
          break;
        case FRAME.credit:
          streams.get(id)?.gotCredit(buffer.readUInt32LE(from));
          break;
        case FRAME.fin: {
          const stream = streams.get(id);
          streams.delete(id);
          stream?.onFin();
          break;
        }
      }
    };
  });
}

function accept(stream, kind) {
  if (kind === STREAM.echo) {
    stream.onData = (buffer, from, to) => stream.echo(buffer, from, to);
    stream.onFin = () => stream.fin();
    return stream;
  }
  let bytes = 0;
  stream.onData = (_buffer, from, to) => {
    bytes += to - from;
  };
  stream.onFin = () => {
    stream.write(Buffer.from(String(bytes)));
    stream.fin();
  };
  return stream;
}
