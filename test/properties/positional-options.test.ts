/** PyTorch's positional options, and arguments too many: refused with the option that was meant. */
import { expect, it } from "vitest";
import * as gradwell from "../../src/index.ts";
import { data, nn, ones, optim, tensor, zerosLike } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose
const g: any = gradwell;
const [x, image, target] = [ones([3, 4]), ones([1, 2, 4, 4]), tensor([0, 1, 2], { dtype: "i32" })] as const;
const w = () => [ones([2], { requiresGrad: true })];
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose
const layer: any = nn;
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose
const rule: any = optim;
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose
const method: any = x;

const POSITIONAL: readonly (readonly [string, () => unknown, string])[] = [
  ["Linear", () => new layer.Linear(4, 3, false), "{ bias: false }"],
  ["Conv2d", () => new layer.Conv2d(1, 2, 3, 2), "{ stride: 2 }"],
  ["RNN", () => new layer.RNN(4, 3, 2), "{ numLayers: 2 }"],
  ["LSTM", () => new layer.LSTM(4, 3, 2), "{ numLayers: 2 }"],
  ["GRU", () => new layer.GRU(4, 3, 2), "{ numLayers: 2 }"],
  ["LayerNorm", () => new layer.LayerNorm(4, 1e-3), "{ eps: 0.001 }"],
  ["RMSNorm", () => new layer.RMSNorm(4, 1e-3), "{ eps: 0.001 }"],
  ["GroupNorm", () => new layer.GroupNorm(2, 4, 1e-3), "{ eps: 0.001 }"],
  ["BatchNorm1d", () => new layer.BatchNorm1d(4, 1e-3), "{ eps: 0.001 }"],
  ["BatchNorm2d", () => new layer.BatchNorm2d(4, 1e-3), "{ eps: 0.001 }"],
  ["Embedding", () => new layer.Embedding(10, 4, 0), "{ paddingIdx: 0 }"],
  ["MaxPool2d", () => new layer.MaxPool2d(2, 1), "{ stride: 1 }"],
  ["AvgPool2d", () => new layer.AvgPool2d(2, 1), "{ stride: 1 }"],
  ["MultiheadAttention", () => new layer.MultiheadAttention(4, 2, 0.1), "{ dropout: 0.1 }"],
  ["SGD", () => new rule.SGD(w(), 0.1), "{ lr: 0.1 }"],
  ["Adam", () => new rule.Adam(w(), 0.1), "{ lr: 0.1 }"],
  ["AdamW", () => new rule.AdamW(w(), 0.1), "{ lr: 0.1 }"],
  ["AdaGrad", () => new rule.AdaGrad(w(), 0.1), "{ lr: 0.1 }"],
  ["RMSProp", () => new rule.RMSProp(w(), 0.1), "{ lr: 0.1 }"],
  ["Muon", () => new rule.Muon(w(), 0.1), "{ lr: 0.1 }"],
  ["Shampoo", () => new rule.Shampoo(w(), 0.1), "{ lr: 0.1 }"],
  ["DiagonalNewton", () => new rule.DiagonalNewton(w(), 0.1), "{ lr: 0.1 }"],
  ["GradScaler", () => new rule.GradScaler(1024), "{ initScale: 1024 }"],
  ["clipGradNorm", () => rule.clipGradNorm(w(), 1, 2), "{ normType: 2 }"],
  [
    "DataLoader",
    () => new (data.DataLoader as unknown as new (...a: unknown[]) => unknown)([x], 32),
    "{ batchSize: 32 }",
  ],
  ["sum", () => method.sum(1, true), "{ keepdim: true }"],
  ["mean", () => method.mean(1, true), "{ keepdim: true }"],
  ["prod", () => method.prod(1, true), "{ keepdim: true }"],
  ["max", () => method.max(1, true), "{ keepdim: true }"],
  ["argmax", () => method.argmax(1, true), "{ keepdim: true }"],
  ["norm", () => method.norm(1, true), "{ keepdim: true }"],
  ["logsumexp", () => method.logsumexp(1, true), "{ keepdim: true }"],
  ["var", () => method.var(1, 0), "{ correction: 0 }"],
  ["std", () => method.std(1, 0), "{ correction: 0 }"],
  ["maxPool2d", () => g.maxPool2d(image, 2, 1), "{ stride: 1 }"],
  ["avgPool2d", () => g.avgPool2d(image, 2, 1), "{ stride: 1 }"],
  ["conv2d", () => g.conv2d(image, ones([2, 2, 3, 3]), undefined, 2), "{ stride: 2 }"],
  ["crossEntropy", () => layer.crossEntropy(x, target, "sum"), "{ reduction: 'sum' }"],
  ["mseLoss", () => layer.mseLoss(x, x, "sum"), "{ reduction: 'sum' }"],
  ["batchNorm", () => layer.batchNorm(x, null, null, null, null, true), "{ training: true }"],
  ["embedding", () => layer.embedding(target, x, 0), "{ paddingIdx: 0 }"],
  ["addmm", () => method.addmm(x, ones([4, 4]), 2), "{ beta: 2 }"],
  ["zeros", () => g.zeros([2], "i32"), "{ dtype: 'i32' }"],
  ["tensor", () => g.tensor([2], "i32"), "{ dtype: 'i32' }"],
  [
    "pad",
    () =>
      method.pad(
        [
          [1, 1],
          [1, 1],
        ],
        "reflect",
      ),
    "{ mode: 'reflect' }",
  ],
];

it.each(POSITIONAL)("%s says which option a positional argument should have been", (name, call, meant) => {
  expect(call).toThrow(gradwell.ArgumentError);
  expect(call).toThrow(
    `${name}: argument '${name === "pad" ? "value" : "options"}' expected an object such as ${meant}`,
  );
});

const SURPLUS: readonly (readonly [string, () => unknown])[] = [
  ["relu", () => method.relu(5)],
  ["add", () => method.add(x, 2)],
  ["softmax", () => method.softmax(1, "f32")],
  ["t", () => method.t(0, 1)],
  ["data", () => method.data(1)],
  ["ReLU", () => new layer.ReLU(true)],
  ["Dropout", () => new layer.Dropout(0.5, true)],
  ["matmul", () => g.matmul(x, ones([4, 4]), x)],
];

it.each(SURPLUS)("%s refuses one argument too many", (name, call) => {
  expect(call).toThrow(gradwell.ArgumentError);
  expect(call).toThrow(`${name}: `);
});

it("zerosLike and onesLike map over a list, and the others say how to map them", async () => {
  expect(await Promise.all([x, x].map(zerosLike).map((one) => one.sum().item()))).toEqual([0, 0]);
  expect(() => [x, x].map(g.relu)).toThrow("in map() write (x) => relu(x)");
});

it("options may come from another realm or without a prototype, but not as an instance of a class", async () => {
  const bare = Object.assign(Object.create(null), { keepdim: true });
  expect(method.sum(1, bare).shape).toEqual([3, 1]);
  class Options {
    keepdim = true;
  }
  expect(() => method.sum(1, new Options())).toThrow("an object such as");
});
