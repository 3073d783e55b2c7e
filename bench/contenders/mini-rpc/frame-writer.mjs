/** Gathers the frames of one turn of the event loop and writes them; how, is what `flush`, `out` and `write` switch. */
import { HEADER_BYTES } from "./frame.mjs";
import { writeToHandle } from "./raw-handle.mjs";
import { STRINGS } from "./strings.mjs";

const OUT_BYTES = 128 * 1024;

export class FrameWriter {
  #socket;
  #settings;
  #strings;
  #out = Buffer.allocUnsafeSlow(OUT_BYTES);
  #position = 0;
  #list = []; // what the flush will send, for `writev` and `concat`
  #armed = false;
  #waiting = [];
  #flush = () => this.flush();

  constructor(socket, settings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#strings = STRINGS[settings.str];
    socket.on("drain", () => {
      for (const resume of this.#waiting.splice(0)) resume();
    });
  }

  sendString(type, id, method, text) {
    const at = this.#room(HEADER_BYTES + text.length * 3);
    const bytes = this.#strings.put(this.#out, text, at + HEADER_BYTES);
    this.#header(at, bytes, type, id, method);
    this.#added(HEADER_BYTES + bytes);
  }

  sendBytes(type, id, method, buffer, from, to) {
    const bytes = to - from;
    const at = this.#room(HEADER_BYTES + bytes);
    if (bytes < 24) for (let i = 0; i < bytes; i++) this.#out[at + HEADER_BYTES + i] = buffer[from + i];
    else if (bytes === buffer.length) this.#out.set(buffer, at + HEADER_BYTES);
    else buffer.copy(this.#out, at + HEADER_BYTES, from, to);
    this.#header(at, bytes, type, id, method);
    this.#added(HEADER_BYTES + bytes);
  }

  /** A value as a codec encoded it. */
  send(type, id, method, value) {
    if (typeof value === "string") this.sendString(type, id, method, value);
    else this.sendBytes(type, id, method, value, 0, value.length);
  }

  /** A whole frame as it came. */
  forward(buffer, from, to) {
    const at = this.#room(to - from);
    buffer.copy(this.#out, at, from, to);
    this.#added(to - from);
  }

  get full() {
    return this.#socket.writableNeedDrain;
  }

  drained() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  flush() {
    this.#armed = false;
    this.#put();
    if (this.#list.length > 0) {
      const list = this.#list;
      this.#list = [];
      if (this.#settings.out === "concat") this.#socket.write(list.length === 1 ? list[0] : Buffer.concat(list));
      else {
        this.#socket.cork();
        for (const buffer of list) this.#socket.write(buffer);
        this.#socket.uncork();
      }
    }
    if (this.#settings.flush === "cork") this.#socket.uncork();
  }

  #room(bytes) {
    if (this.#position + bytes > this.#out.length) {
      this.#put();
      if (bytes > this.#out.length) this.#out = Buffer.allocUnsafeSlow(bytes);
    }
    return this.#position;
  }

  #header(at, payloadBytes, type, id, method) {
    const out = this.#out;
    const length = payloadBytes + HEADER_BYTES - 4;
    out[at] = length;
    out[at + 1] = length >>> 8;
    out[at + 2] = length >>> 16;
    out[at + 3] = length >>> 24;
    out[at + 4] = type;
    out[at + 5] = id;
    out[at + 6] = id >>> 8;
    out[at + 7] = id >>> 16;
    out[at + 8] = id >>> 24;
    out[at + 9] = method;
    out[at + 10] = method >>> 8;
  }

  #added(bytes) {
    this.#position += bytes;
    const { out, flush } = this.#settings;
    if (out === "each" || out === "writev" || out === "concat") this.#put();
    if (flush === "sync") this.flush();
    else if (!this.#armed) this.#arm(flush);
  }

  #arm(flush) {
    this.#armed = true;
    switch (flush) {
      case "nextTick":
        process.nextTick(this.#flush);
        break;
      case "microtask":
        queueMicrotask(this.#flush);
        break;
      case "immediate":
        setImmediate(this.#flush);
        break;
      case "cork":
        this.#socket.cork();
        process.nextTick(this.#flush);
        break;
      default:
        throw new Error(`unknown flush ${flush}`);
    }
  }

  /** What has been gathered goes to the socket, or to the list that the flush will send. */
  #put() {
    if (this.#position === 0) return;
    const gathered = this.#out.subarray(0, this.#position);
    this.#position = 0;
    switch (this.#settings.out) {
      case "writev":
      case "concat":
        this.#list.push(Buffer.from(gathered));
        break;
      case "each":
        this.#socket.write(Buffer.from(gathered));
        break;
      case "fresh":
        this.#socket.write(gathered);
        this.#out = Buffer.allocUnsafeSlow(OUT_BYTES);
        break;
      default:
        // Written at once: the buffer is free again. Else the socket still wants it.
        if (!this.#write(gathered)) this.#out = Buffer.allocUnsafeSlow(OUT_BYTES);
    }
  }

  /** True when the buffer may be used again. */
  #write(gathered) {
    if (this.#settings.write === "handle") return writeToHandle(this.#socket, gathered);
    this.#socket.write(gathered);
    return this.#socket.writableLength === 0;
  }
}
