/** Every optimizer and option against PyTorch's float64: 25 steps, extreme gradients, and runs that PyTorch began. */
import { describe, expect, it } from "vitest";
import { AdaGrad, Adam, AdamW, type Optimizer, RMSProp, SGD } from "../../src/optim/index.ts";
import { tensor } from "../../src/tensor/create.ts";
import { readData } from "../../src/tensor/readback.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose, type Tolerance } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { type GoldenCase, type GoldenTensor, golden } from "../support/golden.ts";
import { torchOptimizerState } from "../support/torch-state.ts";

await testDevice();

const classes = { SGD, AdaGrad, RMSProp, Adam, AdamW } as const;
type Name = keyof typeof classes;

const make = (name: string, params: Tensor[], options: object): Optimizer<never> =>
  new (classes[name as Name] as new (params: Tensor[], options: object) => Optimizer<never>)(params, options);

const leaf = ({ data, shape }: GoldenTensor, label: string): Tensor => {
  const made = tensor(Float32Array.from(data), { shape, requiresGrad: true });
  made.label = label;
  return made;
};

// Sums of 25 updates, each rounded to f32.
const usual: Tolerance = { rtol: 2e-6, atol: 1e-6 };

async function checkRun(one: GoldenCase, tolerance: Tolerance): Promise<void> {
  const names = Object.keys(one.state);
  const params = names.map((name) => leaf(one.state[name] as GoldenTensor, name));
  const optimizer = make(one.op.replace("optim.", ""), params, one.args[0] as object);
  const last = one.steps[one.steps.length - 1]?.step as number;
  for (let step = 1; step <= last; step++) {
    names.forEach((name, i) => {
      const { data } = one.inputs[name] as GoldenTensor;
      const { shape, size } = params[i] as Tensor;
      (params[i] as Tensor).grad = tensor(Float32Array.from(data.slice((step - 1) * size, step * size)), { shape });
    });
    optimizer.step();
    for (const [name, { data }] of Object.entries(one.steps.find((at) => at.step === step)?.state ?? {})) {
      expectClose(await readData(params[names.indexOf(name)] as Tensor), data, tolerance, `${name} after step ${step}`);
    }
  }
  await checkState(one.steps[one.steps.length - 1]?.optimizerState ?? {}, optimizer);
}

/** The state by PyTorch's names. Its scale goes with the gradients', so only the relative error counts. */
async function checkState(
  expected: Readonly<Record<string, GoldenTensor>>,
  optimizer: Optimizer<never>,
): Promise<void> {
  const { state } = optimizer.stateDict();
  for (const [path, { data }] of Object.entries(expected)) {
    const dot = path.lastIndexOf(".");
    const value = state[path.slice(0, dot)]?.[path.slice(dot + 1)];
    if (typeof value === "number") expect(value).toBe(data[0]);
    else {
      const scale = Math.max(...data.map(Math.abs));
      expectClose(await readData(value as Tensor), data, { rtol: 1e-5, atol: 1e-6 * scale }, path);
    }
  }
}

describe("25 steps have PyTorch's parameters and state", async () => {
  for (const one of await golden("optimizers")) it(one.name, () => checkRun(one, usual));
});

describe("tiny, huge and zero gradients give PyTorch's parameters", async () => {
  for (const one of await golden("optimizers_extremes")) {
    // SGD's parameters grow to the size of its huge gradients.
    it(one.name, () =>
      checkRun(one, { rtol: 2e-6, atol: one.name.includes("SGD") && one.name.includes("huge") ? 1e-2 : 1e-6 }),
    );
  }
});

describe("a run that PyTorch began continues here", async () => {
  for (const one of await golden("torch_state")) {
    it(one.name, async () => {
      const [, [name, options]] = one.args as [unknown, [string, object]];
      const names = Object.keys(one.state);
      const params = names.map((path) => leaf(one.state[path] as GoldenTensor, path));
      const optimizer = make(name, params, { lr: 123, ...pick(options, ["amsgrad", "momentum", "centered"]) });
      optimizer.loadStateDict(torchOptimizerState(one, names));
      for (const { grads } of one.steps) {
        names.forEach((path, i) => {
          const { shape, data } = grads[path] as GoldenTensor;
          (params[i] as Tensor).grad = tensor(Float32Array.from(data), { shape });
        });
        optimizer.step();
      }
      for (const [path, { data }] of Object.entries(one.steps[one.steps.length - 1]?.state ?? {})) {
        expectClose(await readData(params[names.indexOf(path)] as Tensor), data, usual, path);
      }
    });
  }
});

const pick = (options: object, keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(options).filter(([key]) => keys.includes(key)));
