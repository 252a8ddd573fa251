/** Bad arguments, each refused by the operation that was called, before anything is dispatched. */
import { expect, it } from "vitest";
import * as gradwell from "../../src/index.ts";
import { GradwellError, ones, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const g = gradwell as unknown as Record<string, (...args: unknown[]) => Tensor>;
const nn = gradwell.nn as unknown as typeof g;
const x = () => ones([2, 3]);
const scalar = () => tensor(1);
const whole = () => tensor([1, 2], { dtype: "i32" });

it.each<[string, () => unknown, RegExp]>([
  ["split", () => g.split?.(x(), 0), /an integer > 0/],
  ["split", () => g.split?.(x(), [1, 0.5, 0.5]), /sizes that add up/],
  ["split", () => g.split?.(scalar(), 1), /at least 1 dim/],
  ["narrow", () => g.narrow?.(scalar(), 0, 0, 1), /at least 1 dim/],
  ["expand", () => g.expand?.(tensor([1, 2]), [-1, 2]), /integers >= 0, got \[-1, 2\]/],
  ["expand", () => g.expand?.(x(), 3), /an array/],
  ["flip", () => g.flip?.(x(), [0, -2]), /no dim twice/],
  ["cat", () => g.cat?.([scalar(), scalar()]), /at least 1 dim/],
  ["cat", () => g.cat?.([x(), 3]), /a list of tensors/],
  ["stack", () => g.stack?.([x(), ones([2])]), /shape \[2,3\] in all, got a tensor of shape \[2\]/],
  ["cumsum", () => g.cumsum?.(scalar(), 1), /\[-1, 0\]/],
  ["sum", () => g.sum?.(x(), { keepdim: true }), /a number, a list of numbers/],
  ["sum", () => g.sum?.(scalar(), 1), /\[-1, 0\]/],
  ["var", () => g.var?.(whole()), /a float tensor/],
  ["reshape", () => g.reshape?.(x(), [-1, -1]), /integers >= 0, got \[-1\]/],
  ["reshape", () => g.reshape?.(x(), [-1, 4]), /6 elements do not fit shape \[-1, 4\]/],
  ["to", () => g.to?.(x(), "f64"), /f32, f16, i32, u32, bool, got 'f64'/],
  ["pow", () => g.pow?.(whole(), -1), /float tensor for the exponent -1/],
  ["addmm", () => g.addmm?.(ones([2, 2, 2]), ones([2, 1]), ones([1, 2])), /broadcasts to \[2,2\]/],
  ["einsum", () => g.einsum?.("ij,jk->ik", x()), /2 tensors for 'ij,jk->ik'/],
  ["einsum", () => g.einsum?.("...ijk->i", x()), /as many dims as '...ijk'/],
  ["einsum", () => g.einsum?.("ii", ones([1, 3])), /equal sizes for the two dims 'i'/],
  ["einsum", () => g.einsum?.("i..j", x()), /letters, '...'/],
  ["einsum", () => g.einsum?.("ij,jk", x(), x()), /letter 'j' expected size 3, got 2/],
  ["crossEntropy", () => nn.crossEntropy?.(x()), /'target' expected a tensor, got undefined/],
  ["mseLoss", () => nn.mseLoss?.(x()), /'target' expected a tensor, got undefined/],
  ["layerNorm", () => nn.layerNorm?.(x()), /'normalizedShape' expected an array/],
  ["zeros", () => g.zeros?.(3), /array of integers, got 3/],
  ["ones", () => g.ones?.([2], { requiresgrad: true }), /did you mean 'requiresGrad'/],
])("%s refuses bad arguments: %s", (op, call, message) => {
  expect(call).toThrow(message);
  expect(call).toThrow(GradwellError);
  expect(call).toThrow(new RegExp(`^${op}: `));
});

it("where takes NaN and any number but 0 for true", async () => {
  const where = gradwell.where(tensor([Number.NaN, 0, -0, 0.5, 1e30]), 1, 2);
  expect(await where.tolist()).toEqual([1, 2, 2, 1, 1]);
  const wholes = gradwell.where(tensor([0.5, 0]), whole(), 7);
  expect([wholes.dtype, await wholes.tolist()]).toEqual(["i32", [1, 7]]);
});

it("einsum takes its operands as a list too", async () => {
  expect(await gradwell.einsum("i,i->", [tensor([1, 2]), tensor([3, 4])]).item()).toBe(11);
});
