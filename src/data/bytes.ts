/** The bytes of a file, in whatever form the program has them. */
import { ArgumentError, check, expected } from "../errors.ts";

/** An ArrayBuffer, a Node Buffer, or any other view of bytes. */
export type FileBytes = ArrayBuffer | ArrayBufferView<ArrayBufferLike>;

/** The same memory as a Uint8Array. */
export function bytesOfFile(op: string, bytes: FileBytes): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(bytes)) {
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  }
  // Tested by its tag: an ArrayBuffer of another realm (a frame, a test runner's) is no instance of this one.
  check(Object.prototype.toString.call(bytes) === "[object ArrayBuffer]", ArgumentError, () =>
    expected(op, "bytes", "a Uint8Array, Buffer or ArrayBuffer", bytes),
  );
  return new Uint8Array(bytes);
}
