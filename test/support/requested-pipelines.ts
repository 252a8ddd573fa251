/** The pipelines that programs ask for on adapters that are not at hand: each shader with the overrides of each request. */
import { create } from "webgpu";
import type { OverrideValues } from "../../src/gpu/compute-kernel.ts";
import { setDefaultDevice } from "../../src/gpu/default-device.ts";
import { makeDevice, runtimeOf } from "../../src/gpu/device.ts";
import { FEATURES } from "../../src/gpu/device-info.ts";
import type { Shader } from "../../src/gpu/shader.ts";
import * as gradwell from "../../src/index.ts";
import { capture, grad, nn, optim, rand, randint, randn, type Tensor } from "../../src/index.ts";
import { opTable } from "./op-table.ts";
import { allShaders } from "./shaders.ts";

/** Arguments of `new ComputeKernel`, as JSON can carry them. */
export interface PipelineRequest {
  readonly shader: Shader;
  readonly overrides: OverrideValues;
}

interface Pretended {
  readonly isSoftware: boolean;
  readonly features: readonly (keyof typeof FEATURES)[];
  readonly hasLargestLimits: boolean;
}

/** GPUs and software adapters; none of them has subgroups, as no wgpu in Deno or Firefox does. */
const adapters: readonly Pretended[] = [
  { isSoftware: false, features: ["f16"], hasLargestLimits: true },
  { isSoftware: false, features: [], hasLargestLimits: false },
  { isSoftware: true, features: ["f16"], hasLargestLimits: true },
  { isSoftware: true, features: [], hasLargestLimits: false },
];

/** Every shader as it stands, with each of its switches turned, and as `programs` ask for it on each of the adapters. */
export async function requestedPipelines(): Promise<PipelineRequest[]> {
  const found = new Map<string, PipelineRequest>();
  const add = (shader: Shader, overrides: OverrideValues) => {
    if (shader.enables.includes("subgroups")) return;
    const { name, code, entry, bindings, paramsBinding, params, paramsBytes, workgroupSize, enables } = shader;
    const plain = { name, code, entry, bindings, params, paramsBytes, workgroupSize, enables, overrides: [] };
    const binding = paramsBinding === undefined ? {} : { paramsBinding };
    found.set(`${code} ${JSON.stringify(overrides)}`, { shader: { ...plain, ...binding }, overrides });
  };
  for (const shader of allShaders) for (const overrides of switched(shader)) add(shader, overrides);
  for (const adapter of adapters) await withDevice(adapter, add, runPrograms);
  return [...found.values()];
}

/** Overrides without a default are given by the caller; 1 is within every range. */
function switched({ overrides }: Shader): OverrideValues[] {
  const given = overrides.filter((one) => one.default === undefined && !one.computed);
  const open = Object.fromEntries(given.map(({ name }) => [name, 1]));
  const flags = overrides.filter((one) => typeof one.default === "boolean");
  return [open, ...flags.map((flag) => ({ ...open, [flag.name]: !flag.default }))];
}

/** Dawn's null backend runs nothing, so that large shapes cost nothing. */
async function withDevice(
  { isSoftware, features, hasLargestLimits }: Pretended,
  seen: (shader: Shader, overrides: OverrideValues) => void,
  fn: () => void,
): Promise<void> {
  const instance = create(["backend=null"]);
  const adapter = (await instance.requestAdapter()) as GPUAdapter;
  const { maxComputeInvocationsPerWorkgroup, maxStorageBuffersPerShaderStage } = adapter.limits;
  const gpu = await adapter.requestDevice({
    requiredFeatures: features.map((name) => FEATURES[name]),
    requiredLimits: hasLargestLimits ? { maxComputeInvocationsPerWorkgroup, maxStorageBuffersPerShaderStage } : {},
  });
  const info = { vendor: "", architecture: "", description: "pretended", isSoftware, subgroupSize: 0 };
  const device = makeDevice(gpu, info, true);
  const make = runtimeOf(device).kernelOf.bind(runtimeOf(device));
  runtimeOf(device).kernelOf = (shader, overrides = {}) => {
    seen(shader, overrides);
    return make(shader, overrides);
  };
  setDefaultDevice(device);
  try {
    fn();
  } finally {
    await device.close();
  }
  void instance;
}

function runPrograms(): void {
  for (const { fn, shapes } of opTable) differentiate(fn, shapes);
  for (const [fn, shapes] of large()) differentiate(fn, shapes);
  for (const dtype of ["i32", "u32", "bool", "f16"] as const) inDtype(dtype);
  for (const model of models()) train(model);
}

/** Forward and backward. */
function differentiate(fn: (...inputs: Tensor[]) => Tensor, shapes: readonly (readonly number[])[]): void {
  const inputs = shapes.map((shape) => rand([...shape], { requiresGrad: true }));
  const y = fn(...inputs);
  if (y.requiresGrad) grad([y], inputs, { gradOutputs: [randn([...y.shape])], allowUnused: true });
}

/** Shapes that reach what only pays for large ones; products in every layout, aligned and not. */
function large(): [(...inputs: Tensor[]) => Tensor, number[][]][] {
  const g = gradwell;
  const sides = [33, 64, 130, 512, 1030];
  const products = sides.flatMap((n) =>
    [n, n + 2].map((k): [(...inputs: Tensor[]) => Tensor, number[][]] => [
      (a, b) => g.addmm(g.matmul(a.t(), b.t()), a.t(), b.t()),
      [
        [k, n],
        [n, k],
      ],
    ]),
  );
  return [
    ...products,
    [
      (a, b) => g.matmul(a, b),
      [
        [3, 65, 4000],
        [3, 4000, 68],
      ],
    ],
    [(x) => g.add(g.sum(x), g.add(g.max(x), g.prod(x))), [[70, 2001]]],
    [(x) => g.add(g.sum(x, 1), g.max(x, 1)), [[5, 7001]]],
    [(x) => g.add(g.sum(x, 0), g.max(x, 0)), [[7001, 5]]],
    [(x) => g.softmax(g.logSoftmax(x, 1), 0), [[9, 1000]]],
    [(x) => nn.layerNorm(nn.layerNorm(x, [3000]), [9, 3000]), [[9, 3000]]],
    [(x) => g.cumsum(x, 0), [[5000, 3]]],
    [
      (x, w) => g.conv2d(x, w, undefined, { padding: 1 }),
      [
        [8, 16, 32, 32],
        [32, 16, 3, 3],
      ],
    ],
    [
      (x, w) => g.conv2d(x, w, undefined, { padding: 1, groups: 64, stride: 2 }),
      [
        [8, 64, 32, 32],
        [64, 1, 3, 3],
      ],
    ],
  ];
}

function inDtype(dtype: "i32" | "u32" | "bool" | "f16"): void {
  if (dtype === "f16" && !gradwell.currentDevice().features.f16) return;
  const g = gradwell;
  const x = g.zeros([3, 5], { dtype: "f32" }).to(dtype);
  const index = g.zeros([3, 5], { dtype: "i32" });
  for (const fn of [g.add, g.sub, g.mul, g.eq, g.ne, g.lt, g.le, g.gt, g.ge, g.maximum, g.minimum] as const)
    if (dtype !== "bool" || fn === g.eq || fn === g.ne) fn(x, x);
  for (const to of ["f32", "i32", "u32", "bool"] as const) x.to(to);
  x.t().contiguous();
  x.flip([0]).clone();
  g.cat([x, x], 1);
  g.gather(x, 1, index);
  g.argmax(x.to("f32"), 1);
  g.where(x.to("bool"), x, x);
  if (dtype !== "bool") for (const fn of [g.sum, g.max, g.min] as const) fn(x, 1);
  if (dtype === "f16") g.matmul(x, x.t());
}

interface Trained {
  readonly model: nn.Module;
  readonly input: () => Tensor;
  readonly optimizer: (parameters: Tensor[]) => { zeroGrad(): void; step(): void };
}

/** Every kind of layer and every optimizer. */
function models(): Trained[] {
  const image = () => randn([4, 4, 12, 12]);
  const rows = () => randn([6, 12]);
  const sequence = () => randn([5, 4, 12]);
  const networks: [nn.Module, () => Tensor][] = [
    [new nn.Sequential(new nn.Linear(12, 17), new nn.BatchNorm1d(17), new nn.GELU(), new nn.Linear(17, 3)), rows],
    [new nn.Sequential(new nn.Linear(12, 3, { activation: "tanh" }), new nn.Dropout(0.4)), rows],
    [new nn.Sequential(new nn.RMSNorm(12), new nn.LayerNorm(12), new nn.Linear(12, 3)), rows],
    [new nn.Sequential(new nn.Conv2d(4, 8, 3), new nn.BatchNorm2d(8), new nn.ReLU(), new nn.MaxPool2d(2)), image],
    [new nn.Sequential(new nn.Conv2d(4, 4, 3, { groups: 4 }), new nn.GroupNorm(2, 4), new nn.AvgPool2d(2)), image],
    ...[nn.RNN, nn.LSTM, nn.GRU].map((Layer): [nn.Module, () => Tensor] => [
      new FirstOutput(new Layer(12, 8, { layerNorm: true })),
      sequence,
    ]),
    [new FirstOutput(new nn.LSTM(12, 8, { numLayers: 2 })), sequence],
    [new Attention(new nn.MultiheadAttention(12, 3)), sequence],
    [new nn.Embedding(9, 4), () => randint(0, 9, [6, 12])],
  ];
  const optimizers: Trained["optimizer"][] = [
    (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
    (p) => new optim.SGD(p, { lr: 0.1 }),
    (p) => new optim.Adam(p, { amsgrad: true }),
    (p) => new optim.AdamW(p),
    (p) => new optim.RMSProp(p, { centered: true, momentum: 0.5 }),
    (p) => new optim.RMSProp(p),
    (p) => new optim.AdaGrad(p),
    (p) => new optim.Lion(p),
    (p) => new optim.Shampoo(p),
    (p) => new optim.Muon(p),
  ];
  return Array.from({ length: Math.max(networks.length, optimizers.length) }, (_, i) => {
    const [model, input] = networks[i % networks.length] as [nn.Module, () => Tensor];
    return { model, input, optimizer: optimizers[i % optimizers.length] as Trained["optimizer"] };
  });
}

class FirstOutput extends nn.Module {
  readonly layer: nn.Module;
  constructor(layer: nn.Module) {
    super();
    this.layer = layer;
  }
  override forward(x: Tensor): Tensor {
    return (this.layer.forward(x) as unknown as [Tensor])[0];
  }
}

class Attention extends nn.Module {
  readonly layer: nn.MultiheadAttention;
  constructor(layer: nn.MultiheadAttention) {
    super();
    this.layer = layer;
  }
  override forward(x: Tensor): Tensor {
    const y = this.layer.forward(x, x, x) as unknown as Tensor | [Tensor];
    return Array.isArray(y) ? y[0] : y;
  }
}

/** Captured: elementwise kernels are then fused as well. */
function train({ model, input, optimizer }: Trained): void {
  const parameters = model.parameters();
  const used = optimizer(parameters);
  const step = capture((x: Tensor) => {
    used.zeroGrad();
    const y = model.forward(x) as Tensor;
    const flat = y.reshape([y.shape[0] as number, -1]);
    const labels = gradwell.argmax(flat.detach(), 1);
    const loss = nn.crossEntropy(flat, labels, { labelSmoothing: 0.1 }).add(nn.mseLoss(flat, flat.mul(0.5).detach()));
    loss.backward();
    optim.clipGradNorm(parameters, 1);
    optim.clipGradValue(parameters, 1);
    used.step();
    return loss;
  });
  step(input());
  step(input());
  step.dispose();
}
