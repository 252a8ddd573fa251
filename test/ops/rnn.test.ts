/** The fused steps of recurrent layers against the same in plain operations, and second derivatives through those. */
import { describe, expect, it } from "vitest";
import type { RecurrenceKernels } from "../../src/gpu/launch-policy.ts";
import { capture, grad, manualSeed, nn, randn, type Tensor } from "../../src/index.ts";
import { type Cell, GATES, recurrence, type State, unroll } from "../../src/ops/rnn.ts";
import { gradgradcheck } from "../../src/testing/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { decompositions } from "../support/tolerance.ts";

const device = await testDevice();
manualSeed(5);

const cells = Object.keys(GATES) as Cell[];

/** x, weight, bias, h, c. */
type Inputs = [Tensor, Tensor, Tensor, Tensor, Tensor];

function inputsFor(cell: Cell, time: number, batch: number, width: number): Inputs {
  const rows = GATES[cell] * width;
  const shapes = [[time, batch, rows], [rows, width], [rows], [batch, width], [batch, width]];
  // Weights that keep the state's size: a step would multiply rounding errors otherwise.
  const draw = (shape: number[]) => (shape === shapes[1] ? randn(shape).mul(width ** -0.5) : randn(shape));
  return shapes.map((shape) => Object.assign(draw(shape), { requiresGrad: true })) as Inputs;
}

const startOf = (cell: Cell, h: Tensor, c: Tensor): State => ({ h, ...(cell === "lstm" && { c }) });
const listOf = ([output, { h, c }]: [Tensor, State]): Tensor[] => [output, h, ...(c ? [c] : [])];

const fused = (cell: Cell, reverse: boolean, [x, weight, bias, h, c]: Inputs, kernels?: RecurrenceKernels): Tensor[] =>
  listOf(recurrence(cell, x, weight, bias, startOf(cell, h, c), reverse, kernels));

const plain = (cell: Cell, reverse: boolean, [x, weight, bias, h, c]: Inputs): Tensor[] =>
  listOf(unroll(cell, x, startOf(cell, h, c), { project: (one) => nn.linear(one, weight, bias) }, reverse));

// Widths that are vectors and that are not, steps that do not fill the alignment of bindings, a batch of several workgroups and
// a tail.
const sizes = [
  [3, 4, 128],
  [5, 3, 33],
  [1, 1, 1],
  [2, 37, 5],
] as const;

const variants: RecurrenceKernels[] = [
  "steps",
  "workgroups",
  ...(device.features.subgroups ? (["subgroups"] as const) : []),
];

describe.each(cells.flatMap((cell) => variants.map((kernels) => ({ cell, kernels }))))(
  "$cell, $kernels",
  ({ cell, kernels }) => {
    it.each(sizes)("equals its decomposition: %i time steps, batch %i, width %i", async (time, batch, width) => {
      for (const reverse of [false, true]) {
        const inputs = inputsFor(cell, time, batch, width);
        const upstream = [
          [time, batch, width],
          [batch, width],
          [batch, width],
        ].map((shape) => randn(shape));
        const [left, right] = await Promise.all(
          [fused, plain].map(async (run) => {
            const outputs = run(cell, reverse, inputs, kernels);
            const gradOutputs = upstream.slice(0, outputs.length);
            const found = grad(outputs, inputs, { gradOutputs, allowUnused: true });
            return Promise.all([...outputs, ...found].map((one) => one?.data()));
          }),
        );
        expect(left?.length).toBe(right?.length);
        for (const [i, one] of (right ?? []).entries())
          if (one)
            expectClose(left?.[i] as Float32Array, one as Float32Array, decompositions, `${cell} ${reverse} ${i}`);
          else expect(left?.[i]).toBeUndefined();
      }
    });
  },
);

it.each(variants)("%s: an empty batch gives empty states, and no gradient to the weights", async (kernels) => {
  const inputs = inputsFor("lstm", 3, 0, 4);
  const outputs = fused("lstm", false, inputs, kernels);
  expect(outputs.map(({ shape }) => [...shape])).toEqual([
    [3, 0, 4],
    [0, 4],
    [0, 4],
  ]);
  const [weight] = grad(outputs[0]?.sum() as Tensor, [inputs[1]]);
  expect([...((await weight?.data()) ?? [])].every((one) => one === 0)).toBe(true);
});

it.each(variants)("%s: the same bits eager and captured, and again", async (kernels) => {
  const inputs = inputsFor("gru", 4, 19, 12);
  const run = () => grad(fused("gru", true, inputs, kernels)[0]?.square().sum() as Tensor, [...inputs.slice(0, 4)]);
  const captured = capture(run);
  const bits = (list: Tensor[]) => Promise.all(list.map(async (one) => new Uint32Array((await one.data()).buffer)));
  const eager = await bits(run());
  for (let i = 0; i < 3; i++) expect(await bits(captured())).toEqual(eager);
});

it("gradients exist where only the last state is used, or only the cell", async () => {
  for (const which of [1, 2]) {
    const inputs = inputsFor("lstm", 3, 2, 5);
    const [left, right] = [fused, plain].map((run) =>
      grad((run("lstm", false, inputs)[which] as Tensor).square().sum(), inputs),
    ) as [Tensor[], Tensor[]];
    for (const [i, one] of right.entries())
      expectClose(await (left[i] as Tensor).data(), await one.data(), decompositions, `${which}, ${i}`);
  }
});

describe("second derivatives match finite differences", () => {
  it.each(["tanh", "lstm", "gru"] as const)("%s", async (cell) => {
    const [x, weight, bias, h, c] = inputsFor(cell, 2, 1, 2).map((one) => one.detach()) as Inputs;
    const all = (...[first, matrix]: Tensor[]) => fused(cell, false, [first as Tensor, matrix as Tensor, bias, h, c]);
    await gradgradcheck((...some: Tensor[]) => all(...some).reduce((a, b) => a.sum().add(b.sum())), [x, weight]);
  });
});
