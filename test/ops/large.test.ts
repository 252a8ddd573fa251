/** Sizes past 65,535 workgroups of 64 in every kernel that runs along one line of elements; the ends are what goes wrong. */

import { describe, expect, it } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { workgroupSize } from "../../src/gpu/launch-policy.ts";
import { fill } from "../../src/gpu/shaders.generated.ts";
import {
  abs,
  add,
  cat,
  cumsum,
  expand,
  flip,
  full,
  gather,
  indexSelect,
  mul,
  narrow,
  ones,
  pad,
  rand,
  reshape,
  scatterAdd,
  slice,
  sum,
  type Tensor,
  tensor,
  transpose,
  tril,
  where,
  zeros,
} from "../../src/index.ts";
import { bindingOf } from "../../src/tensor/binding.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const MAX_GRID = 65_535 * 64;
const last = (x: Tensor, n = 3) => narrow(reshape(x, [x.size]), 0, x.size - n, n);
const tail = async (x: Tensor) => [...(await last(x).data())];

/** 0, 1, 2, ... made on the GPU from sums of ones in two digits, so that every value is exact. */
function counting(n: number): Tensor {
  const rows = Math.ceil(n / 2048);
  const digits = (size: number) => cumsum(ones([size]), 0).sub(1);
  const all = reshape(add(mul(reshape(digits(rows), [rows, 1]), 2048), digits(2048)), [rows * 2048]);
  return narrow(all, 0, 0, n).contiguous();
}

describe.each([MAX_GRID - 1, MAX_GRID, MAX_GRID + 1])("tensors of %d elements", (n) => {
  const end = [n - 3, n - 2, n - 1];

  it("work elementwise: dense, with a number, broadcast and strided", async () => {
    const x = counting(n);
    expect(await tail(x)).toEqual(end);
    expect(await tail(add(x, x))).toEqual(end.map((one) => 2 * one));
    expect(await tail(where(x.gt(n - 2.5), x, -1))).toEqual([-1, n - 2, n - 1]);
    expect(await tail(abs(flip(x, 0)))).toEqual([2, 1, 0]);
    expect(await tail(mul(reshape(x, [n, 1]), tensor([[1, 2]])))).toEqual([2 * (n - 2), n - 1, 2 * (n - 1)]);
  });

  // One size past the limit says enough of the slower ones.
  if (n <= MAX_GRID) return;

  it("are filled, copied and moved", async () => {
    expect(await tail(full([n], 7))).toEqual([7, 7, 7]);
    const x = counting(n);
    expect(await tail(x.clone())).toEqual(end);
    expect(await tail(slice(x, 0, 1).contiguous())).toEqual(end);
    expect(await tail(cat([x, tensor([5])]))).toEqual([n - 2, n - 1, 5]);
    expect(await tail(pad(x, [[2, 1]], 9))).toEqual([n - 2, n - 1, 9]);
    expect(await tail(zeros([n]).copy_(x))).toEqual(end);
    expect(Math.max(...(await tail(rand([n]))))).toBeGreaterThan(0);
  });

  it("are reduced and differentiated", async () => {
    expect(await sum(full([n], 0.5)).item()).toBe(n / 2);
    expect(await tail(sum(expand(counting(n), [2, n]), 0))).toEqual(end.map((one) => 2 * one));
    const x = full([n], 3, { requiresGrad: true });
    sum(mul(x, x)).backward();
    expect(await tail(x.grad as Tensor)).toEqual([6, 6, 6]);
  });

  it("are gathered, scattered and cut to triangles", async () => {
    const x = counting(n);
    const indices = x.to("i32");
    expect(await tail(gather(x, 0, flip(indices, 0)))).toEqual([2, 1, 0]);
    expect(await tail(indexSelect(reshape(x, [1, n]), 1, indices))).toEqual(end);
    const added = scatterAdd(zeros([n, 1]), 1, zeros([n, 1], { dtype: "i32" }), reshape(x, [n, 1]));
    expect(await tail(added)).toEqual(end);
    expect(await tail(tril(reshape(x, [n, 1])))).toEqual(end);
    expect(await tail(transpose(reshape(narrow(x, 0, 0, n - (n % 2)), [-1, 2]), 0, 1).contiguous())).toHaveLength(3);
  });
});

it("a grid past 65,535 workgroups is folded, and every workgroup finds its index", async () => {
  const groups = 70_001;
  const vectors = groups * workgroupSize(device);
  const x = zeros([4 * vectors]);
  runtimeOf(device).run(fill, { y: bindingOf(x), vectors, bits: 0x3f800000 }, groups);
  expect(await tail(x)).toEqual([1, 1, 1]);
  expect(await sum(x.to("i32")).item()).toBe(4 * vectors);
});
