/** Reads every header, looks its target up, and forwards the frame as it came; what one turn forwards leaves in one write. */
import { resolve } from "./options.mjs";
import { dial, serve } from "./sockets.mjs";

export function startRelay(options) {
  const settings = resolve(options);
  const routes = new Map(); // method to upstream: nothing is in it, but every frame pays for the look-up
  return serve(settings, (down) => {
    let up = null;
    const early = []; // frames that came before the upstream connection was there
    dial(settings, settings.upstreamPort, (_type, _id, _method, buffer, _from, to, start) => down.forward(buffer, start, to)).then(
      (writer) => {
        up = writer;
        for (const frame of early) up.forward(frame, 0, frame.length);
      },
    );
    return (_type, _id, method, buffer, _from, to, start) => {
      const target = routes.get(method) ?? up;
      if (target === null) early.push(Buffer.from(buffer.subarray(start, to)));
      else target.forward(buffer, start, to);
    };
  });
}
