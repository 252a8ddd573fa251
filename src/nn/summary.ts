/** The table that `model.summary(shape)` gives: one run without gradients shows every layer's output shape. */
import { noGrad } from "../autograd/modes.ts";
import { ArgumentError, check, checkKeys, expected } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { zeros } from "../tensor/create.ts";
import { scope, tensorsIn } from "../tensor/scope.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Named, trace } from "./forward-trace.ts";

export interface SummaryOptions {
  /** Dtype of the input; `"i32"` for a model that begins with an embedding. Default `"f32"`. */
  dtype?: Dtype;
}

/** The part of a module that the table reads. */
interface Layer {
  readonly training: boolean;
  forward(...inputs: unknown[]): unknown;
  namedModules(): Named<Layer>[];
  namedParameters(): Named[];
  parameters(): Tensor[];
  eval(): unknown;
  train(mode: boolean): unknown;
}

interface Row {
  readonly layer: string;
  readonly output: string;
  readonly params: number;
  readonly depth: number;
}

export function summarize(model: Layer, inputShape: Shape, options: SummaryOptions): string {
  checkKeys("summary", options, ["dtype"]);
  check(Array.isArray(inputShape), ArgumentError, () => expected("summary", "inputShape", "an array", inputShape));
  const outputs = outputShapes(model, inputShape, options.dtype ?? "f32");
  const rows = model.namedModules().map(([path, module]) => row(path, module, outputs.get(module) ?? ""));
  return table(rows, model.parameters());
}

/** Runs the model once on zeros, in evaluation mode: no running statistics move and one sample is enough. */
function outputShapes(model: Layer, inputShape: Shape, dtype: Dtype): Map<object, string> {
  const outputs = new Map<object, string>();
  const device = model.parameters()[0]?.device ?? currentDevice();
  const modes = model.namedModules().map(([, module]) => [module, module.training] as const);
  model.eval();
  const outer = trace.seen;
  trace.seen = (module, output) => {
    const shapes = tensorsIn(output)
      .filter((one) => one instanceof Tensor)
      .map(({ shape }) => `[${shape.join(", ")}]`);
    if (!outputs.has(module)) outputs.set(module, shapes.join(" "));
  };
  try {
    noGrad(() => scope(() => void model.forward(zeros(inputShape, { dtype, device }))));
  } finally {
    trace.seen = outer;
    // Parents before children: `train` reaches down.
    for (const [module, training] of modes) module.train(training);
  }
  return outputs;
}

/** A module's own parameters count in its row, its children's in theirs. */
function row(path: string, module: Layer, output: string): Row {
  const own = module.namedParameters().filter(([name]) => belongsTo(module, name));
  const kind = module.constructor.name;
  return {
    layer: path === "" ? kind : `${path}: ${kind}`,
    output,
    params: own.reduce((sum, [, parameter]) => sum + parameter.size, 0),
    depth: path === "" ? 0 : path.split(".").length,
  };
}

/** True if a parameter belongs to the module itself rather than to one below it. */
const belongsTo = (module: Layer, name: string): boolean =>
  !module.namedModules().some(([path]) => path !== "" && name.startsWith(`${path}.`));

function table(rows: readonly Row[], parameters: readonly Tensor[]): string {
  const total = parameters.reduce((sum, { size }) => sum + size, 0);
  const trainable = parameters.reduce((sum, one) => sum + (one.requiresGrad ? one.size : 0), 0);
  const lines = [
    ["layer", "output", "parameters"],
    ...rows.map(({ layer, output, params, depth }) => [`${"  ".repeat(depth)}${layer}`, output, count(params)]),
    ["total", "", count(total)],
    ...(trainable < total ? [["trainable", "", count(trainable)]] : []),
  ] as [string, string, string][];
  const width = (i: 0 | 1 | 2) => Math.max(...lines.map((line) => line[i].length));
  const [first, second, third] = [width(0), width(1), width(2)];
  return lines
    .map(([layer, output, params]) => `${layer.padEnd(first)}  ${output.padEnd(second)}  ${params.padStart(third)}`)
    .join("\n");
}

const count = (n: number): string => n.toLocaleString("en-US");
