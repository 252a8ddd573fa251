/** gradwell: the work as a captured function, except where eager operations are what is measured. */

import { adapterKind, adapterName } from "../../../src/gpu/adapter/adapter.ts";
import { runtimeOf } from "../../../src/gpu/device.ts";
import { adapterLimits } from "../../../src/gpu/roofline.ts";
import {
  capture,
  type Device,
  grad,
  init,
  matmul,
  nn,
  optim,
  scope,
  type Tensor,
  tensor,
  tune,
} from "../../../src/index.ts";
import type { Library, Running } from "../library.ts";
import { ADAM, type Arrays, EPS, layersOf, type Work } from "../work.ts";
import { rawAdd } from "./raw-add.ts";

type Named = Record<string, Tensor>;
type Of<K extends Work["kind"]> = Work & { kind: K };

export async function open(): Promise<Library> {
  // What is timed is what a new user gets.
  const device = await init({ tuning: false });
  return {
    device: adapterName(device.gpu.adapterInfo),
    kind: adapterKind(device.gpu.adapterInfo),
    prepare: (work, inputs) => prepare(device, work, inputs),
    limits: () => adapterLimits(device),
    close: () => device.close(),
  };
}

async function prepare(device: Device, work: Work, inputs: Arrays): Promise<Running> {
  if (work.kind === "add" && work.raw) return rawAdd(device, work, inputs);
  if (work.kind === "mlp" && work.tuned) await tuneFor(device, work, inputs);
  const step = stepOf(work, inputs);
  const captured = step.eager ? undefined : capture(step.run);
  const run = captured ?? step.run;
  let last: Named = {};
  return {
    run() {
      // A capture overwrites its results; eager ones are the caller's.
      if (!captured) for (const value of Object.values(last)) value.dispose();
      last = run();
    },
    sync: () => device.sync(),
    async results() {
      const named = Object.entries({ ...last, ...step.state });
      return Object.fromEntries(
        await Promise.all(named.map(async ([name, value]) => [name, (await value.data()) as Float32Array])),
      );
    },
    dispose() {
      runtimeOf(device).tuning.choices.clear();
      captured?.dispose();
      step.dispose?.();
    },
  };
}

/** Runs on a fresh model: what is measured starts from the given parameters. Nothing is kept for later runs. */
async function tuneFor(device: Device, work: Work, inputs: Arrays): Promise<void> {
  runtimeOf(device).tuning.save = () => Promise.resolve(false);
  const { run, dispose } = stepOf(work, inputs);
  await tune(() => scope(() => void run()));
  dispose?.();
}

interface Step {
  /** Gives what it computes; `state` is what it changes. */
  run: () => Named;
  state?: Named;
  eager?: boolean;
  dispose?: () => void;
}

function stepOf(work: Work, inputs: Arrays): Step {
  switch (work.kind) {
    case "matmul":
      return matmulStep(work, inputs);
    case "layerNorm":
    case "batchNorm":
      return normStep(work, inputs);
    case "crossEntropy": {
      const logits = tensor(inputs.logits as Float32Array, { shape: [work.rows, work.classes], requiresGrad: true });
      const labels = tensor(inputs.labels as Int32Array);
      return {
        run() {
          const loss = nn.crossEntropy(logits, labels);
          const [gradLogits] = grad([loss], [logits]) as [Tensor];
          return { loss, gradLogits };
        },
      };
    }
    case "adam":
      return adamStep(work, inputs);
    case "mlp":
      return mlpStep(work, inputs);
    case "add": {
      const [a, b] = [tensor(inputs.a as Float32Array), tensor(inputs.b as Float32Array)];
      return {
        eager: true,
        // Outside of training nothing but a scope (or the garbage collector) frees what is in between.
        run: () =>
          scope(() => {
            let y = a;
            for (let i = 0; i < work.repeats; i++) y = y.add(b);
            return { y };
          }),
      };
    }
  }
}

function matmulStep({ form, m, n, k }: Of<"matmul">, inputs: Arrays): Step {
  const a = tensor(inputs.a as Float32Array, { shape: form === "tn" ? [k, m] : [m, k] });
  const b = tensor(inputs.b as Float32Array, { shape: form === "nt" ? [n, k] : [k, n] });
  const [left, right] = [form === "tn" ? a.t() : a, form === "nt" ? b.t() : b];
  return { run: () => ({ y: matmul(left, right) }) };
}

function normStep({ kind, shape }: Of<"layerNorm" | "batchNorm">, inputs: Arrays): Step {
  const leaf = (name: string, of: number[]) => tensor(inputs[name] as Float32Array, { shape: of, requiresGrad: true });
  const features = shape[1] as number;
  const [x, weight, bias] = [leaf("x", shape), leaf("weight", [features]), leaf("bias", [features])];
  const gradY = tensor(inputs.gradY as Float32Array, { shape });
  return {
    run() {
      const y =
        kind === "layerNorm"
          ? nn.layerNorm(x, [features], weight, bias, EPS)
          : nn.batchNorm(x, null, null, weight, bias, { training: true, eps: EPS });
      const [gradX, gradWeight, gradBias] = grad([y], [x, weight, bias], { gradOutputs: [gradY] }) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      return { y, gradX, gradWeight, gradBias };
    },
  };
}

function adamOf(params: Tensor[]): optim.Adam {
  return new optim.Adam(params, { lr: ADAM.lr, betas: [ADAM.beta1, ADAM.beta2], eps: ADAM.eps });
}

/** The gradients are set once: only the update is measured. */
function adamStep({ tensors, size }: Of<"adam">, inputs: Arrays): Step {
  const part = (name: string, i: number) => (inputs[name] as Float32Array).subarray(i * size, (i + 1) * size);
  const params = Array.from({ length: tensors }, (_, i) => tensor(part("param", i), { requiresGrad: true }));
  const optimizer = adamOf(params);
  params.forEach((param, i) => {
    // The gradient of sum(param * g) is g, put where the optimizer wants it.
    param
      .mul(tensor(part("grad", i)))
      .sum()
      .backward();
  });
  return {
    run() {
      optimizer.step();
      return {};
    },
    state: Object.fromEntries(params.map((param, i) => [`param${i}`, param])),
    dispose: () => optimizer.dispose(),
  };
}

function mlpStep({ widths, batch, eager = false }: Of<"mlp">, inputs: Arrays): Step {
  const layers = layersOf(widths).map(([fanIn, fanOut], i, all) => {
    const layer = new nn.Linear(fanIn, fanOut, i < all.length - 1 ? { activation: "relu" } : {});
    layer.weight.copy_(tensor(inputs[`weight${i}`] as Float32Array, { shape: [fanOut, fanIn] }));
    layer.bias?.copy_(tensor(inputs[`bias${i}`] as Float32Array));
    return layer;
  });
  const model = new nn.Sequential(...layers);
  const optimizer = adamOf(model.parameters());
  const x = tensor(inputs.x as Float32Array, { shape: [batch, widths[0] as number] });
  const labels = tensor(inputs.labels as Int32Array);
  const state = layers.flatMap(({ weight, bias }, i) => [
    [`weight${i}`, weight] as const,
    [`bias${i}`, bias as Tensor] as const,
  ]);
  return {
    eager,
    run() {
      optimizer.zeroGrad();
      const loss = nn.crossEntropy(model.forward(x), labels);
      loss.backward();
      optimizer.step();
      return { loss };
    },
    state: Object.fromEntries(state),
    dispose: () => optimizer.dispose(),
  };
}
