/** Second derivatives of every op: the gradient of <gradient, v> against central differences of the gradient along v. */
import { expect, it } from "vitest";
import { add, grad, mul, sum, type Tensor, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { opTable, type TableOp } from "../support/op-table.ts";
import { uniform } from "../support/values.ts";

await testDevice();

/** Rounding of the gradients weighs 1e-7 / STEP, the third derivative STEP^2. */
const STEP = 2 ** -6;
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function inputsAlong(
  { shapes, range: [low, high] = [-2, 2] }: TableOp,
  directions: readonly Float32Array[],
  step: number,
) {
  return shapes.map((shape, i) => {
    const values = uniform(sizeOf(shape), low, high, 7 + i).map((x, k) => x + step * (directions[i]?.[k] as number));
    return tensor(values, { shape, requiresGrad: true });
  });
}

/** Gradients of a random projection of the op's result. */
function gradients(op: TableOp, inputs: Tensor[], createGraph: boolean): Tensor[] {
  const y = op.fn(...inputs);
  const weights = tensor(uniform(y.size, 0.5, 1.5, 99), { shape: y.shape });
  return grad(y, inputs, { gradOutputs: weights, createGraph });
}

const values = (tensors: Tensor[]) => Promise.all(tensors.map(async (one) => [...(await one.data())]));

it.each(opTable)("second derivatives of $name match finite differences", async (op) => {
  const directions = op.shapes.map((shape, i) => uniform(sizeOf(shape), -1, 1, 21 + i));
  const inputs = inputsAlong(op, directions, 0);
  const first = await values(gradients(op, inputs, false));
  const linked = gradients(op, inputs, true);
  (await values(linked)).forEach((one, i) => {
    expectClose(one, first[i] as number[], { rtol: 1e-5, atol: 2e-6 }, `gradient ${i}, differentiable`);
  });
  const [ahead, behind] = [STEP, -STEP].map((step) => gradients(op, inputsAlong(op, directions, step), false));
  const [after, before] = [await values(ahead as Tensor[]), await values(behind as Tensor[])];
  const along = linked
    .map((one, i) => sum(mul(one, tensor(directions[i] as Float32Array, { shape: one.shape }))))
    .reduce((total, one) => add(total, one));
  const isLinear = !along.requiresGrad;
  const second = isLinear ? undefined : await grad(along, inputs, { allowUnused: true });
  for (const [i, input] of inputs.entries()) {
    const differences = (after[i] as number[]).map((value, k) => (value - (before[i]?.[k] as number)) / (2 * STEP));
    const found = second?.[i] ? [...(await second[i].data())] : new Array<number>(input.size).fill(0);
    const scale = Math.max(1, ...differences.map(Math.abs));
    expectClose(found, differences, { rtol: 4e-3, atol: 1e-3 * scale }, `second derivative by input ${i}`);
  }
  expect(second?.length ?? inputs.length).toBe(inputs.length);
});
