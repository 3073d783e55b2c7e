/** Writing past the stream machinery, straight to libuv's handle: a private API of Node.js, only to see what that costs. */
const LAST_WRITE_WAS_ASYNC = 2; // index into streamBaseState
let binding;

/** True when the bytes have left and the buffer may be used again. */
export function writeToHandle(socket, buffer) {
  const handle = socket._handle;
  if (!handle) return true; // closed
  binding ??= process.binding("stream_wrap");
  const request = new binding.WriteWrap();
  request.handle = handle;
  request.oncomplete = () => {};
  request.async = false;
  request.bytes = 0;
  request.buffer = buffer;
  handle.writeBuffer(request, buffer);
  return !binding.streamBaseState[LAST_WRITE_WAS_ASYNC];
}
