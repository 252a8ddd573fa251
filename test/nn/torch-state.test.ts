/** A model and its optimizer that PyTorch trained for five steps go on as they did there: losses, gradients, weights. */
import { describe, it } from "vitest";
import { capture, optim, type Tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { type GoldenCase, type GoldenTensor, golden } from "../support/golden.ts";
import { entry, expectState, expectTensor, moduleOf, tensorOf } from "../support/golden-module.ts";
import { torchOptimizerState } from "../support/torch-state.ts";
import { classifierStep } from "../support/training-step.ts";

await testDevice();

/** Options that decide which state exists must be given; everything else comes with the loaded groups. */
const STRUCTURE = ["amsgrad", "momentum", "centered"];

type OptimizerClass = new (params: Tensor[], options: object) => InstanceType<typeof optim.Adam>;

function begun(one: GoldenCase) {
  const model = moduleOf(one);
  const [kind, options] = one.args[1] as [string, object];
  const given = Object.fromEntries(Object.entries(options).filter(([key]) => STRUCTURE.includes(key)));
  const Optimizer = (optim as unknown as Record<string, OptimizerClass>)[kind] as OptimizerClass;
  const optimizer = new Optimizer(model.parameters(), { lr: 123, ...given });
  optimizer.loadStateDict(
    torchOptimizerState(
      one,
      model.namedParameters().map(([name]) => name),
    ),
  );
  return { model, optimizer };
}

// The loaded state is PyTorch's rounded to f32.
const tolerance = { rtol: 5e-5, atol: 5e-6 };

async function goOn(one: GoldenCase, captured: boolean): Promise<void> {
  const { model, optimizer } = begun(one);
  const step = classifierStep(model, optimizer);
  const play = captured ? capture(step) : step;
  for (const [i, { outputs, grads, step: number }] of one.steps.entries()) {
    const [x, y] = [one.inputs.x, one.inputs.y].map((values) => tensorOf(entry(values as GoldenTensor, i)));
    const loss = play(x as Tensor, y as Tensor);
    await expectTensor(loss, outputs.loss as GoldenTensor, tolerance, `loss of step ${number}`);
    for (const [name, parameter] of model.namedParameters()) {
      const what = `gradient of ${name} in step ${number}`;
      await expectTensor(parameter.grad as Tensor, grads[name] as GoldenTensor, tolerance, what);
    }
  }
  await expectState(model, one.steps[one.steps.length - 1]?.state ?? {}, tolerance);
}

describe.each([
  ["eager", false],
  ["captured", true],
] as const)("%s", async (_, captured) => {
  it.each(await golden("torch_state"))("$name", (one) => goOn(one, captured));
});
