/** Copies between strided views against index arithmetic, by the kernels for GPUs and for software adapters. */
import { describe, expect, it } from "vitest";
import { capture, type Dtype, type Tensor, tensor } from "../../src/index.ts";
import { addInPlace, copyInto } from "../../src/tensor/copy.ts";
import { testDevice } from "../support/device.ts";
import { pretendedGpu, withDefaultDevice } from "../support/gpu-choices.ts";
import { labels } from "../support/values.ts";

const device = await testDevice();
const gpu = pretendedGpu(device);

type View = (x: Tensor) => Tensor;
interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly src: View;
  /** View of a dense tensor of `dstShape`, with the shape that `src` gives. */
  readonly dstShape?: readonly number[];
  readonly dst?: View;
}

const same: View = (x) => x;
const cases: Case[] = [
  { name: "heads", shape: [3, 17, 4, 32], src: (x) => x.permute([0, 2, 1, 3]) },
  { name: "heads of odd size", shape: [2, 9, 3, 5], src: (x) => x.permute([0, 2, 1, 3]) },
  { name: "keys, transposed", shape: [2, 36, 4, 8], src: (x) => x.permute([0, 2, 3, 1]) },
  { name: "a matrix in fours", shape: [72, 300], src: (x) => x.transpose(0, 1) },
  { name: "an odd matrix", shape: [67, 301], src: (x) => x.transpose(0, 1) },
  { name: "a thin matrix", shape: [3, 1000], src: (x) => x.transpose(0, 1) },
  { name: "channels last", shape: [2, 12, 8, 9], src: (x) => x.permute([0, 2, 3, 1]) },
  { name: "the first and last dims", shape: [20, 3, 24], src: (x) => x.transpose(0, 2) },
  { name: "all dims reversed", shape: [2, 3, 4, 5, 6], src: (x) => x.permute([4, 3, 2, 1, 0]) },
  { name: "columns in fours", shape: [30, 40], src: (x) => x.slice(1, 8, 36) },
  { name: "odd columns", shape: [30, 40], src: (x) => x.slice(1, 3, 32) },
  { name: "every third column", shape: [30, 40], src: (x) => x.slice(1, 1, 40, 3) },
  { name: "a part of a transpose", shape: [44, 40], src: (x) => x.slice(0, 4, 24).transpose(0, 1) },
  { name: "an odd part of a transpose", shape: [44, 40], src: (x) => x.slice(1, 5, 29).transpose(0, 1) },
  { name: "a broadcast bias", shape: [1, 5, 1, 1], src: (x) => x.expand([3, 5, 4, 8]) },
  { name: "a broadcast row", shape: [1, 16], src: (x) => x.expand([9, 16]) },
  { name: "one element", shape: [1], src: (x) => x.expand([7, 3]) },
  { name: "a long row", shape: [2, 1501], src: (x) => x.slice(1, 1, 1500) },
  { name: "into a transpose", shape: [24, 36], src: same, dstShape: [36, 24], dst: (y) => y.transpose(0, 1) },
  { name: "into every second", shape: [9, 30], src: same, dstShape: [9, 61], dst: (y) => y.slice(1, 1, 61, 2) },
  {
    name: "into a part of a permuted view",
    shape: [4, 12, 16],
    src: (x) => x.transpose(1, 2),
    dstShape: [12, 4, 20],
    dst: (y) => y.slice(2, 4, 20).permute([1, 2, 0]),
  },
  { name: "nothing", shape: [0, 4], src: (x) => x.transpose(0, 1) },
  ...Array.from({ length: 12 }, (_, i) => random(i)),
];

/** A view with dims in any order, cut, reversed or thinned out. */
function random(seed: number): Case {
  const numbers = labels(40, 1 << 16, seed + 5);
  const at = (k: number, below: number) => (numbers[k] as number) % below;
  const rank = 2 + at(0, 3);
  const shape = Array.from(
    { length: rank },
    (_, i) => 4 * (1 + at(i + 1, 5)) + (at(i + 8, 3) === 0 ? at(i + 16, 4) : 0),
  );
  const order = shape.map((_, i) => i).sort((i, j) => at(i + 24, 97) - at(j + 24, 97));
  return {
    name: `[${shape}] in the order [${order}], ${seed}`,
    shape,
    src: (x) => {
      const cut = at(30, 2) === 0 ? x : x.slice(at(31, rank), 1 + at(32, 3));
      const thinned = at(33, 3) > 0 ? cut : cut.slice(rank - 1, 0, cut.shape[rank - 1], 2);
      return thinned.permute(order);
    },
  };
}

/** The places of a view's elements in its storage, in order. */
function places({ shape, strides, offset }: Tensor): number[] {
  return shape.reduce(
    (found, dim, i) =>
      found.flatMap((place) => Array.from({ length: dim }, (_, k) => place + k * (strides[i] as number))),
    [offset],
  );
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
/** Whole numbers, exact in every dtype, that differ from their neighbors. */
const numbered = (shape: readonly number[], from: number, dtype: Dtype) =>
  tensor(
    Array.from({ length: sizeOf(shape) }, (_, i) => from + ((i * 7) % 1021)),
    { shape: [...shape], dtype },
  );

async function verify({ shape, src: viewOf, dstShape, dst: targetOf = same }: Case, dtype: Dtype, add: boolean) {
  const base = numbered(shape, 0, dtype);
  const src = viewOf(base);
  const target = numbered(dstShape ?? src.shape, 1, dtype);
  const [before, values] = [Array.from(await target.data(), Number), Array.from(await base.data(), Number)];
  const dst = targetOf(target);
  const expected = [...before];
  const from = places(src);
  places(dst).forEach((to, i) => {
    expected[to] = (values[from[i] as number] as number) + (add ? (before[to] as number) : 0);
  });
  if (add) addInPlace(dst, src);
  else copyInto(dst, src);
  expect(Array.from(await target.data(), Number)).toEqual(expected);
}

describe.each([
  ["GPUs", gpu],
  ["software adapters", device],
])("as chosen for %s", (_, chosen) => {
  it.each(cases)("copies and adds $name", (one) =>
    withDefaultDevice(chosen, device, async () => {
      await verify(one, "f32", false);
      await verify(one, "f32", true);
      await verify(one, "i32", false);
      if (device.features.f16) await verify(one, "f16", false);
    }),
  );

  it("keeps the bits of NaN, infinities and -0, eager and captured", () =>
    withDefaultDevice(chosen, device, async () => {
      const bits = Uint32Array.from(
        { length: 16 * 12 },
        (__, i) => [0x7fc00001, 0x7f800000, 0xff800000, 0x80000000][i % 4] as number,
      );
      const x = tensor(new Float32Array(bits.buffer), { shape: [16, 12] });
      const expected = Uint32Array.from(bits, (__, i) => bits[(i % 16) * 12 + Math.floor(i / 16)] as number);
      const bitsIn = async (y: Tensor) => new Uint32Array(((await y.data()) as Float32Array).buffer);
      const move = (a: Tensor) => a.transpose(0, 1).contiguous();
      const captured = capture(move);
      expect(await bitsIn(move(x))).toEqual(expected);
      for (let i = 0; i < 2; i++) expect(await bitsIn(captured(x))).toEqual(expected);
    }));
});
