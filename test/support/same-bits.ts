/** A golden training run, eager and captured: every loss and the final state must have the same bits. */
import { expect } from "vitest";
import { capture, type nn, optim, type Tensor } from "../../src/index.ts";
import type { GoldenCase } from "./golden.ts";
import { entry, moduleOf, tensorOf } from "./golden-module.ts";

type LossOf = (model: nn.Module, inputs: Record<string, Tensor>) => Tensor;
type OptimizerClass = new (params: Tensor[], options: object) => { zeroGrad(): void; step(): void };

async function run(one: GoldenCase, lossOf: LossOf, captured: boolean, build: (one: GoldenCase) => nn.Module) {
  const model = build(one);
  const [kind, options] = one.args[one.args.length - 1] as [string, object];
  const optimizer = new ((optim as unknown as Record<string, OptimizerClass>)[kind] as OptimizerClass)(
    model.parameters(),
    options,
  );
  const names = Object.keys(one.inputs);
  const step = (...inputs: Tensor[]): Tensor => {
    optimizer.zeroGrad();
    const loss = lossOf(model, Object.fromEntries(names.map((name, i) => [name, inputs[i] as Tensor])));
    loss.backward();
    optimizer.step();
    return loss;
  };
  const play = captured ? capture(step) : step;
  const losses: number[] = [];
  for (let i = 0; i < one.steps.length; i++) {
    const inputs = Object.values(one.inputs).map((values) => tensorOf(entry(values, i)));
    losses.push(await play(...inputs).item());
  }
  const state = await Promise.all(Object.values(model.stateDict()).map((value) => value.data()));
  return { losses, state };
}

/** `build` makes the case's model with its state; default: the class or Sequential that the case names. */
export async function expectSameBits(one: GoldenCase, lossOf: LossOf, build = moduleOf): Promise<void> {
  expect(await run(one, lossOf, true, build)).toEqual(await run(one, lossOf, false, build));
}
