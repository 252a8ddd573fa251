/** Golden cases of modules: one call with gradients, or a whole training run. */
import { expect } from "vitest";
import { grad, nn, optim, type Tensor, tensor } from "../../src/index.ts";
import { expectClose, type Tolerance } from "./close.ts";
import { fillArgs, type GoldenCase, type GoldenTensor, type GoldenTensors } from "./golden.ts";

type LayerClass = new (...args: unknown[]) => nn.Module;

export function tensorOf({ shape, dtype, data }: GoldenTensor, requiresGrad = false): Tensor {
  return tensor(Float64Array.from(data), { shape, dtype, requiresGrad });
}

/** Entry `i` of what is stacked along the first dim. */
export function entry({ shape, dtype, data }: GoldenTensor, i: number): GoldenTensor {
  const size = data.length / (shape[0] as number);
  return { shape: shape.slice(1), dtype, data: data.slice(i * size, (i + 1) * size) };
}

const classOf = (name: string): LayerClass => (nn as unknown as Record<string, LayerClass>)[name] as LayerClass;

/** `[["Linear", 4, 3], ["ReLU"]]` as a Sequential. */
function sequential(layers: readonly [string, ...unknown[]][]): nn.Sequential {
  return new nn.Sequential(...layers.map(([kind, ...args]) => new (classOf(kind))(...args)));
}

/** The module of a case with the case's state in it. */
export function moduleOf(one: GoldenCase): nn.Module {
  const kind = one.op.replace("nn.", "");
  const model =
    kind === "Sequential"
      ? sequential(one.args[0] as [string, ...unknown[]][])
      : new (classOf(kind))(...fillArgs(one.args, {}));
  return withState(model, one);
}

/** The model with the case's state, whose names must be the model's. */
export function withState(model: nn.Module, one: GoldenCase): nn.Module {
  expect(Object.keys(model.stateDict()).sort(), "names of the state").toEqual(Object.keys(one.state).sort());
  model.loadStateDict(tensorsOf(one.state));
  return model;
}

export const tensorsOf = (values: GoldenTensors): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(values).map(([name, one]) => [name, tensorOf(one)]));

export async function expectTensor(
  actual: Tensor,
  expected: GoldenTensor,
  tolerance: Tolerance,
  what: string,
): Promise<void> {
  expect([...actual.shape], `shape of ${what}`).toEqual(expected.shape);
  expectClose(await actual.data(), expected.data, tolerance, what);
}

export async function expectState(model: nn.Module, expected: GoldenTensors, tolerance: Tolerance): Promise<void> {
  const state = model.stateDict();
  for (const [name, values] of Object.entries(expected)) {
    await expectTensor(state[name] as Tensor, values, tolerance, name);
  }
}

/** The results of a module under the names that the case has for them; a list's are in their order. */
function named(result: unknown, names: readonly string[]): Record<string, Tensor> {
  const all = (Array.isArray(result) ? result.flat() : [result]) as Tensor[];
  return Object.fromEntries(names.map((name, i) => [name, all[i] as Tensor]));
}

/** Outputs and all gradients of a module that is called once, or once per step. */
export async function checkModule(one: GoldenCase, tolerance: Tolerance): Promise<void> {
  const model = moduleOf(one);
  if (one.steps.length === 0) return checkCall(model, one, one, one.inputs, tolerance);
  for (const [i, step] of one.steps.entries()) {
    const inputs = Object.fromEntries(Object.entries(one.inputs).map(([name, values]) => [name, entry(values, i)]));
    const { eval: evaluated, ...outputs } = step.outputs;
    await checkCall(model, one, { ...step, outputs }, inputs, tolerance);
    await expectState(model, step.state, tolerance);
    if (!evaluated) continue;
    const again = model.eval().forward(...fillArgs(one.call, tensorsOf(inputs)));
    await expectTensor(again as Tensor, evaluated, tolerance, "evaluation");
    await expectState(model, step.state, tolerance);
  }
}

async function checkCall(
  model: nn.Module,
  one: GoldenCase,
  results: Pick<GoldenCase, "outputs" | "upstream" | "grads">,
  values: GoldenTensors,
  tolerance: Tolerance,
): Promise<void> {
  const inputs = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, tensorOf(value, name in results.grads)]),
  );
  const outputs = named(model.forward(...fillArgs(one.call, inputs)), Object.keys(results.outputs));
  for (const [name, expected] of Object.entries(results.outputs)) {
    await expectTensor(outputs[name] as Tensor, expected, tolerance, name);
  }
  const leaves = { ...inputs, ...Object.fromEntries(model.namedParameters()) };
  const wanted = Object.keys(results.grads);
  if (wanted.length === 0) return;
  const found = grad(
    Object.keys(results.upstream).map((name) => outputs[name] as Tensor),
    wanted.map((name) => leaves[name] as Tensor),
    { gradOutputs: Object.values(results.upstream).map((upstream) => tensorOf(upstream)) },
  );
  for (const [i, name] of wanted.entries()) {
    await expectTensor(found[i] as Tensor, results.grads[name] as GoldenTensor, tolerance, `gradient of ${name}`);
  }
}

type OptimizerClass = new (params: Tensor[], options: object) => { zeroGrad(): void; step(): void };

/** Every loss and every gradient of a training run, and the state after it. `build` makes the model with its state. */
export async function checkTrajectory(
  one: GoldenCase,
  lossOf: (model: nn.Module, inputs: Record<string, Tensor>) => Tensor,
  tolerance: Tolerance,
  build = moduleOf,
): Promise<void> {
  const model = build(one);
  const [kind, options] = one.args[one.args.length - 1] as [string, object];
  const Optimizer = (optim as unknown as Record<string, OptimizerClass>)[kind] as OptimizerClass;
  const optimizer = new Optimizer(model.parameters(), options);
  for (const [i, step] of one.steps.entries()) {
    optimizer.zeroGrad();
    const inputs = Object.entries(one.inputs).map(([name, values]) => [name, tensorOf(entry(values, i))]);
    const loss = lossOf(model, Object.fromEntries(inputs));
    loss.backward();
    await expectTensor(loss, step.outputs.loss as GoldenTensor, tolerance, `loss of step ${step.step}`);
    for (const [name, parameter] of model.namedParameters()) {
      const expected = step.grads[name] as GoldenTensor;
      await expectTensor(parameter.grad as Tensor, expected, tolerance, `gradient of ${name} in step ${step.step}`);
    }
    optimizer.step();
  }
  await expectState(model, one.steps[one.steps.length - 1]?.state ?? {}, tolerance);
}
