/** The beginning of a stream that a peer has opened, however it arrives. */
import assert from "node:assert/strict";
import { Deferred } from "../../src/internal/deferred.js";
import { readOpenHeader } from "../../src/node/offered-stream.js";
import { decodeOpenHeader, encodeOpenHeader } from "../../src/stream/open-header.js";
import type { YamuxStream } from "../../src/stream/yamux-stream.js";
import { sessionPair } from "../stream/support/session-pair.js";
import { until } from "../support/until.js";

const HEADER = Buffer.from(encodeOpenHeader({ to: 1, from: 2, remainingMs: 3, protocol: "game", metadata: { key: "value" } }));
const WHOLE = Buffer.concat([HEADER, Buffer.from("what follows")]);

suite("an offered stream", () => {
  test("its header is cut anywhere, it is read, and what follows is for whoever serves it", async () => {
    for (let cut = 1; cut <= WHOLE.length; cut++) {
      const followed = new Deferred<string>();
      const onStream = (stream: YamuxStream): void =>
        readOpenHeader(
          stream,
          (header) => {
            assert.deepEqual(header, HEADER);
            assert.equal(decodeOpenHeader(header).protocol, "game");
            void stream.toArray().then((pieces) => followed.resolve(Buffer.concat(pieces as Buffer[]).toString()), followed.reject);
            stream.end();
          },
          (why) => followed.reject(new Error(why)),
        );
      const { dialer, acceptor } = await sessionPair({ onStream });
      const stream = dialer.open();
      stream.write(WHOLE.subarray(0, cut));
      await until(() => [...acceptor.streams()][0]?.bytesIn === cut);
      stream.end(WHOLE.subarray(cut));
      assert.equal(await followed.promise, "what follows", `cut at ${cut}`);
      stream.resume();
      await dialer.close();
    }
  });

  test("it ends within its header or has a length that none has, it is reset and somebody is told why", async () => {
    for (const bytes of [Buffer.alloc(0), HEADER.subarray(0, 1), HEADER.subarray(0, HEADER.length - 1), Buffer.from([0xff, 0xff, 1])]) {
      const told = new Deferred<string>();
      const onStream = (stream: YamuxStream): void => readOpenHeader(stream, () => told.reject(new Error("a header")), told.resolve);
      const { dialer } = await sessionPair({ onStream });
      const stream = dialer.open();
      const failed = new Promise((resolve) => stream.once("error", resolve));
      stream.end(bytes);
      assert.match(await told.promise, /ended within its open header|open header's length is 65535/);
      await failed;
      dialer.destroy();
    }
  });
});
