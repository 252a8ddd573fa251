/** Memory is never visible before it is written: the same bits, whatever the pool's buffers held before. */

import { afterEach, expect, it } from "vitest";
import type { GpuBuffer } from "../../src/gpu/buffer-pool.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import * as g from "../../src/index.ts";
import { GradwellError, manualSeed, nn, rand, randn, type Tensor, tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";
import { opTable, type TableOp } from "../support/op-table.ts";

const device = await testDevice();

/** A NaN that no arithmetic makes, and an ordinary number. */
const POISONS = [0x7fc12345, 0x42f60000];
/** Buffers of each size class up to here lie ready in the pool, poisoned. */
const [LARGEST, EACH] = [2048, 8];

function poisonPool(bits: number): void {
  const poison = (buffer: GpuBuffer) =>
    runtimeOf(device).recorder.upload(
      { buffer, offset: 0, size: buffer.bytes },
      new Uint32Array(buffer.bytes / 4).fill(bits),
    );
  runtimeOf(device).pool.onFree = poison;
  const held: GpuBuffer[] = [];
  for (let bytes = 256; bytes <= LARGEST; bytes += 256)
    for (let i = 0; i < EACH; i++) held.push(runtimeOf(device).pool.acquire(bytes, () => "poison"));
  for (const buffer of held) runtimeOf(device).pool.release(buffer);
}

afterEach(() => {
  runtimeOf(device).pool.onFree = undefined;
});

const bitsOf = async (x: Tensor): Promise<string> => {
  const values = await x.data();
  return `[${x.shape}] ${new Uint8Array(values.buffer, values.byteOffset, values.byteLength).join(" ")}`;
};

/** The bits of an operation's result and gradients on random inputs, or the name of the error that it throws. */
async function outcome(op: TableOp, bits: number): Promise<string[]> {
  poisonPool(bits);
  manualSeed(5);
  const [low, high] = op.range ?? [-2, 2];
  const inputs = op.shapes.map((shape) =>
    rand(shape)
      .mul(high - low)
      .add(low)
      .detach(),
  );
  for (const input of inputs) input.requiresGrad = true;
  try {
    const y = op.fn(...inputs);
    const seen = [await bitsOf(y)];
    if (y.requiresGrad) y.backward(randn(y.shape));
    for (const { grad } of inputs) seen.push(grad ? await bitsOf(grad) : "none");
    return seen;
  } catch (error) {
    if (!(error instanceof GradwellError)) throw error;
    return [error.name];
  }
}

/** The operation with every dim of one size replaced by another. */
const resized = (op: TableOp, from: number, to: number): TableOp => ({
  ...op,
  name: `${op.name}, ${to} for ${from}`,
  shapes: op.shapes.map((shape) => shape.map((size) => (size === from ? to : size))),
});

const SIZES = [
  [1, 0],
  [2, 0],
  [3, 0],
  [4, 0],
  [3, 5],
  [4, 7],
] as const;

const variants = (op: TableOp): TableOp[] =>
  SIZES.filter(([from]) => op.shapes.some((shape) => shape.includes(from))).map(([from, to]) => resized(op, from, to));

const operations = { ...g };
const none = () => tensor(new Int32Array(0));
const case_ = (name: string, fn: TableOp["fn"], ...shapes: number[][]): TableOp => ({ name, fn, shapes });

/** Cases that the table lacks: layers, losses and indexing of empty tensors. */
const layers: readonly TableOp[] = [
  ...(
    [
      [3, 0, 2],
      [0, 3, 2],
      [3, 2, 0],
      [5, 3, 7],
    ] as const
  ).map(([rows, width, out]) =>
    case_(`linear ${rows} x ${width} to ${out}`, (x, w, b) => nn.linear(x, w, b), [rows, width], [out, width], [out]),
  ),
  ...(["relu", "tanh", "sigmoid"] as const).map((activation) =>
    case_(
      `linear without features, ${activation}`,
      (x, w, b) => g.nn.linear(x, w, b, { activation } as never),
      [3, 0],
      [2, 0],
      [2],
    ),
  ),
  ...(
    [
      "sum",
      "mean",
      "prod",
      "var",
      "std",
      "logsumexp",
      "norm",
      "max",
      "argmax",
      "softmax",
      "logSoftmax",
      "cumsum",
    ] as const
  ).flatMap((name) =>
    [
      [2, 0],
      [0, 2],
      [2, 5],
    ].map((shape) => case_(`${name} of rows [${shape}]`, (x) => operations[name](x, 1), shape)),
  ),
  case_("gather of nothing", (x) => g.gather(x, 1, zeros([3, 0], { dtype: "i32" })), [3, 4]),
  case_("indexSelect of nothing", (x) => g.indexSelect(x, 1, none()), [3, 4]),
  case_("scatterAdd of nothing", (x, y) => g.scatterAdd(x, 1, zeros([3, 0], { dtype: "i32" }), y), [3, 4], [3, 0]),
  case_("embedding of nothing", (w) => nn.embedding(none(), w), [5, 3]),
  case_("embedding without width", (w) => nn.embedding(tensor([1, 2], { dtype: "i32" }), w), [5, 0]),
  ...[0, 5].map((rows) =>
    case_(`layerNorm of ${rows} rows`, (x, w, b) => nn.layerNorm(x, [3], w, b), [rows, 3], [3], [3]),
  ),
  case_("layerNorm without width", (x, w, b) => nn.layerNorm(x, [0], w, b), [3, 0], [0], [0]),
  ...[0, 3].map((batch) => case_(`groupNorm of ${batch}`, (x) => new nn.GroupNorm(2, 4).forward(x), [batch, 4, 3, 3])),
  ...[0, 3].map((batch) =>
    case_(
      `batchNorm of ${batch}`,
      (x, w, b) => nn.batchNorm(x, zeros([4]), g.ones([4]), w, b, { training: batch > 0 }),
      [batch, 4, 3],
      [4],
      [4],
    ),
  ),
  ...(
    [
      [0, 3, 4],
      [3, 0, 4],
      [3, 3, 0],
      [5, 3, 3],
    ] as const
  ).map(([l, s, e]) =>
    case_(
      `attention of ${l} to ${s}, width ${e}`,
      (q, k, v) => nn.scaledDotProductAttention(q, k, v),
      [1, 2, l, e],
      [1, 2, s, e],
      [1, 2, s, e],
    ),
  ),
  ...(
    [
      [0, 2, 3],
      [1, 0, 3],
      [1, 2, 0],
    ] as const
  ).map(([batch, inputs, outputs]) =>
    case_(
      `conv2d of ${batch}, ${inputs} to ${outputs} channels`,
      (x, w, b) => g.conv2d(x, w, b),
      [batch, inputs, 5, 5],
      [outputs, inputs, 3, 3],
      [outputs],
    ),
  ),
  ...(["mean", "sum", "none"] as const).flatMap((reduction) => [
    case_(`crossEntropy of nothing, ${reduction}`, (x) => nn.crossEntropy(x, none(), { reduction }), [0, 3]),
    case_(
      `crossEntropy of ignored rows, ${reduction}`,
      (x) => nn.crossEntropy(x, tensor([-100, -100], { dtype: "i32" }), { reduction }),
      [2, 3],
    ),
    case_(`nllLoss of nothing, ${reduction}`, (x) => nn.nllLoss(x, none(), { reduction }), [0, 3]),
    case_(`mseLoss of nothing, ${reduction}`, (x) => nn.mseLoss(x, zeros([0, 3]), { reduction }), [0, 3]),
    case_(`bceWithLogits of nothing, ${reduction}`, (x) => nn.bceWithLogits(x, zeros([0]), { reduction }), [0]),
  ]),
  ...(["RNN", "LSTM", "GRU"] as const).map((name) =>
    case_(`${name} of no sequence`, (x) => new nn[name](3, 2).forward(x)[0] as Tensor, [4, 0, 3]),
  ),
  case_("expand to nothing", (x) => g.expand(x, [0, 3]), [1, 3]),
  case_(
    "pad of nothing",
    (x) =>
      g.pad(
        x,
        [
          [0, 0],
          [1, 1],
        ],
        7,
      ),
    [2, 0],
  ),
  case_("where of nothing", (x, y) => g.where(tensor([true]), x, y), [0, 3], [3]),
];

it("operations and their gradients have the same bits on empty and odd sizes, whatever memory held before", async () => {
  let compared = 0;
  for (const op of [...opTable, ...opTable.flatMap(variants), ...layers]) {
    const [first, second] = [await outcome(op, POISONS[0] as number), await outcome(op, POISONS[1] as number)];
    expect(second, op.name).toEqual(first);
    if (first.length > 1) compared++;
  }
  expect(compared).toBeGreaterThan(200);
}, 240_000);

it("the gradient of a bias beside no input features is the sum of the rows, as with features", async () => {
  for (const bits of POISONS) {
    poisonPool(bits);
    const layer = { weight: zeros([2, 0], { requiresGrad: true }), bias: zeros([2], { requiresGrad: true }) };
    const optimizer = new g.optim.SGD([layer.weight, layer.bias], { lr: 1 });
    nn.linear(zeros([3, 0]), layer.weight, layer.bias)
      .sum()
      .backward();
    expect(await layer.bias.grad?.tolist()).toEqual([3, 3]);
    optimizer.step();
    expect(await layer.bias.tolist()).toEqual([-3, -3]);
  }
});

it("reductions over empty tensors are PyTorch's", async () => {
  const x = zeros([2, 0]);
  const { NaN: nan, NEGATIVE_INFINITY } = Number;
  const values = { sum: 0, prod: 1, mean: nan, var: nan, std: nan, norm: 0, logsumexp: NEGATIVE_INFINITY };
  for (const [name, value] of Object.entries(values))
    expect(await operations[name as "sum"](x, 1).tolist(), name).toEqual([value, value]);
});

const COPY = `
  @group(0) @binding(0) var<storage, read> x: array<vec4f>;
  @group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
  @compute @workgroup_size(1) fn main() { for (var i = 0u; i < arrayLength(&y); i++) { y[i] = x[i]; } }`;

it("a user-defined kernel finds zeros in the padding, and in tensors without elements", async () => {
  for (const bits of POISONS) {
    poisonPool(bits);
    const kernel = device.kernel({ wgsl: COPY });
    for (const size of [0, 1, 2, 3, 5, 7]) {
      const padded = Math.max(4, Math.ceil(size / 4) * 4);
      const [x, y] = [g.full([size], 2).add(1), zeros([padded])];
      kernel.run({ x, y }, 1);
      const expected = Array.from({ length: padded }, (_, i) => (i < size ? 3 : 0));
      expect(await y.tolist(), `size ${size}`).toEqual(expected);
      expect(await x.tolist()).toEqual(expected.slice(0, size));
    }
  }
});

it("a user-defined kernel finds zeros in the padding in each replay of a capture", async () => {
  poisonPool(POISONS[0] as number);
  const kernel = device.kernel({ wgsl: COPY });
  const y = zeros([8]);
  const step = g.capture((x: Tensor) => {
    kernel.run({ x: x.add(1), y }, 1);
    return x.sum();
  });
  for (const value of [1, 2, 3]) {
    step(g.full([5], value));
    expect(await y.tolist()).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((i) => (i < 5 ? value + 1 : 0)));
  }
});

it("a view whose padding is another's elements is refused in vectors, and says what to do", async () => {
  const kernel = device.kernel({ wgsl: COPY });
  const whole = g.arange(8);
  const part = whole.narrow(0, 0, 5);
  expect(() => kernel.run({ x: part, y: zeros([8]) }, 1)).toThrow(/clone\(\)/);
  const y = zeros([8]);
  kernel.run({ x: part.clone(), y }, 1);
  expect(await y.tolist()).toEqual([0, 1, 2, 3, 4, 0, 0, 0]);
  expect(await whole.tolist()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
