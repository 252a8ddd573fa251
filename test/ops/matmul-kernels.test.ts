import { describe, expect, it } from "vitest";
import type { Activation } from "../../src/activations.ts";
import { cat, matmul, tensor } from "../../src/index.ts";
import { type Matmul, runMatmul } from "../../src/kernels/matmul/run.ts";
import { canRun, choose, type Variant, variants } from "../../src/kernels/matmul/select.ts";
import { bindingOf } from "../../src/tensor/binding.ts";
import { readData } from "../../src/tensor/readback.ts";
import { empty, type Tensor } from "../../src/tensor/tensor.ts";
import { productAt, rowSumAt } from "../reference/matmul.ts";
import { isClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { describeHalf } from "../support/half.ts";

const device = await testDevice();
const SIZES = [0, 1, 2, 3, 15, 16, 17, 31, 33, 63, 65, 127, 129, 535];
const TRANSPOSES = [false, true].flatMap((transA) => [false, true].map((transB) => ({ transA, transB })));
/** Every kernel in full; else only those for the adapter at hand. */
const EVERYTHING = globalThis.process?.env.GRADWELL_TEST_ALL === "1";

/** Arguments of a case; the buffers are filled with random numbers. */
type Case = Omit<Matmul, "a" | "b" | "c" | "bias" | "saved" | "biasGrad"> & {
  readonly withBias?: boolean;
  readonly withBiasGrad?: boolean;
};

/** Park and Miller's generator: cases are the same in every run. */
let state = 1;
const random = () => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
};
const randoms = (size: number) => Float32Array.from({ length: size }, () => random() * 2 - 1);
const pick = (list: readonly number[]) => list[Math.floor(random() * list.length)] as number;

/** Runs a case on poisoned outputs and compares sampled elements with float64. */
async function verify(wanted: Case): Promise<void> {
  // A kernel that cannot do it (K = 0 for some) leaves it to the one that is chosen for it.
  const { variant, ...rest } = wanted;
  const one = variant && !canRun(device, variant, wanted) ? rest : wanted;
  const { withBias, withBiasGrad, ...sizes } = one;
  const { M, N, K, batch = 1, strideA = M * K, strideB = K * N, accumulate, derivative } = sizes;
  const host = {
    a: randoms(strideA * (batch - 1) + M * K),
    b: randoms(strideB * (batch - 1) + K * N),
    ...(withBias && { bias: randoms(N) }),
    ...(derivative && { saved: randoms(batch * M * N) }),
  };
  const old = accumulate ? randoms(batch * M * N) : new Float32Array(batch * M * N).fill(NaN);
  const c = tensor(old);
  const biasGrad = tensor(new Float32Array(M).fill(accumulate ? 0.5 : NaN));
  const buffers = Object.fromEntries(Object.entries(host).map(([name, data]) => [name, tensor(data)]));
  const bound = Object.fromEntries(Object.entries(buffers).map(([name, one]) => [name, bindingOf(one)]));
  const args = { ...sizes, ...bound, c: bindingOf(c), ...(withBiasGrad && { biasGrad: bindingOf(biasGrad) }) };
  runMatmul(device, args as unknown as Matmul);
  const product = { ...sizes, ...host, ...(accumulate && { before: old }) };
  await expectElements(c, batch * M * N, one, (i) =>
    productAt(product, Math.floor(i / (M * N)), Math.floor(i / N) % M, i % N),
  );
  const before = accumulate ? 0.5 : 0;
  if (withBiasGrad) await expectElements(biasGrad, M, one, (i) => before + rowSumAt(product, i));
  for (const one of [c, biasGrad, ...Object.values(buffers)]) one.dispose();
}

const SAMPLES = 60;

/** No element may be left poisoned; the last one and a random sample must be right. */
async function expectElements(x: Tensor, size: number, one: Case, reference: (i: number) => number): Promise<void> {
  const values = await readData(x);
  expect(values.findIndex(Number.isNaN), `NaN in ${JSON.stringify(one)}`).toBe(-1);
  for (let sample = 0; sample < Math.min(SAMPLES, size); sample++) {
    const i = sample === 0 ? size - 1 : Math.floor(random() * size);
    const [got, want] = [values[i] as number, reference(i)];
    // Sums of K products of magnitude 1 in f32.
    if (!isClose(got, want, { rtol: 1e-5, atol: 1e-5 + 1e-7 * one.K })) {
      expect.fail(`[${i}] is ${got}, should be ${want} in ${JSON.stringify(one)}`);
    }
  }
}

const ALIGNED = { M: 4, N: 4, K: 4 };
const runnable = variants.filter((variant) => canRun(device, variant, ALIGNED));
/** Kernels that this adapter would choose for some shape; all, where everything is asked for. */
const chosen = new Set<Variant>(
  [1, 64, 1024, 8192].flatMap((M) => [1, 0].map((odd) => choose(device, { M, N: M + odd, K: M }).variant)),
);
const home = EVERYTHING ? runnable : runnable.filter((variant) => chosen.has(variant));
const ACTIVATIONS: Activation[] = ["none", "relu", "leakyRelu", "gelu", "tanh", "sigmoid", "silu"];

describe.each(home)("matmul kernel %s", (variant) => {
  it.each(TRANSPOSES)("handles tails of all sizes with %o", async (transposes) => {
    for (let i = 0; i < (EVERYTHING ? 100 : 25); i++) {
      const [M, N, K] = [pick(SIZES), pick(SIZES), pick(SIZES)];
      await verify({ variant, ...transposes, M, N, K });
    }
  });

  it("handles batches, dense and broadcast", async () => {
    await verify({ variant, M: 17, N: 36, K: 64, batch: 3 });
    await verify({ variant, M: 17, N: 35, K: 33, batch: 3, strideA: 0, transB: true });
    await verify({ variant, M: 17, N: 32, K: 32, batch: 3, strideB: 0, transA: true });
  });

  it("splits K, and applies the epilogue after the sum", async () => {
    await verify({ variant, M: 30, N: 40, K: 515, splits: 4, withBias: true, activation: "relu", batch: 2 });
    await verify({ variant, M: 30, N: 40, K: 512, splits: 3, transA: true, withBiasGrad: true, alpha: 0.5 });
  });

  it("computes the gradient of a bias beside that of its weight", async () => {
    await verify({ variant, M: 10, N: 128, K: 127, transA: true, withBiasGrad: true });
    await verify({ variant, M: 150, N: 132, K: 64, transA: true, withBiasGrad: true, accumulate: true });
  });

  it.each(ACTIVATIONS)("applies %s after a bias, and its derivative", async (activation) => {
    await verify({ variant, M: 33, N: 36, K: 40, withBias: true, activation, slope: 0.2 });
    await verify({ variant, M: 33, N: 36, K: 40, derivative: activation, slope: 0.2 });
  });

  it("accumulates a scaled result into C", async () => {
    const epilogue = { accumulate: true, alpha: -1.5, withBias: true, activation: "relu" } as const;
    await verify({ variant, M: 33, N: 36, K: 40, ...epilogue });
  });
});

// Kernels for other adapters: two pipelines each, since a software adapter takes seconds to compile one.
it.each(runnable.filter((variant) => !home.includes(variant)))(
  "matmul kernel %s of another adapter matches the reference",
  async (variant) => {
    await verify({ variant, M: 133, N: 36, K: 64, transA: true, withBiasGrad: true });
    await verify({ variant, M: 33, N: 132, K: 64, withBias: true, activation: "relu" });
    for (const transposes of TRANSPOSES) await verify({ variant, ...transposes, M: 135, N: 33, K: 67 });
  },
);

const vectors = variants.filter((variant) => /vector/i.test(variant));

it.each(vectors)("matmul kernel %s makes all rows that it takes", async (variant) => {
  const rows = [1, 3, 4, 7, 8].filter((M) => canRun(device, variant, { M, N: 5, K: 4, transB: true }));
  expect(rows.length).toBeGreaterThan(0);
  for (const M of rows) {
    for (const N of [1, 3, 16, 37]) await verify({ variant, transB: true, M, N, K: 4 * N, withBias: true });
    await verify({ variant, transB: true, M, N: 21, K: 300, batch: 3, strideA: 0 });
    await verify({ variant, transB: true, M, N: 9, K: 516, splits: 4, withBias: true, batch: 2, strideB: 0 });
    // One more pipeline.
    await verify({ variant, transB: true, M, N: 9, K: 132, withBiasGrad: true, accumulate: true, alpha: 0.5 });
  }
});

it.each(vectors)("matmul kernel %s keeps NaN and infinity to their row and column", async (variant) => {
  const rows = [NaN, Infinity, 1].map((first) => [first, 1, 1, 1]);
  const [a, b] = [tensor([[1, 1, 1, 0]]), tensor(rows)];
  const c = tensor([0, 0, 0]);
  const product = { M: 1, N: 3, K: 4, transB: true, variant };
  runMatmul(device, { ...product, a: bindingOf(a), b: bindingOf(b), c: bindingOf(c) });
  expect([...(await readData(c))]).toEqual([NaN, Infinity, 3]);
});

it("a single row of a linear layer is taken by a kernel that reads the weight once", () => {
  expect(choose(device, { M: 1, N: 512, K: 784, transB: true }).variant).toMatch(/vector/i);
  expect(choose(device, { M: 1, N: 512, K: 783, transB: true }).variant).not.toMatch(/vector/i);
  expect(choose(device, { M: 1, N: 512, K: 784 }).variant).not.toMatch(/vector/i);
});

it("operands of odd sizes that are too large to be copied are not copied", () => {
  const isLarge = (variant: Variant) => variant.startsWith("large");
  const chosenFor = (size: number) => choose(device, { M: size, N: size, K: size }).variant;
  expect(isLarge(chosenFor(1025))).toBe(isLarge(chosenFor(1024)));
  expect(isLarge(chosenFor(4097))).toBe(false);
});

it("a kernel is chosen by default, with split-K where there are few tiles", async () => {
  for (const N of [1, 10, 300]) await verify({ M: 5, N, K: 5000, transB: true, withBias: true });
});

it("relu in the epilogue maps infinite values too", async () => {
  const [a, b, c] = [tensor([[-1e38, 1]]), tensor([[1e38], [1]]), tensor([NaN])];
  runMatmul(device, { a: bindingOf(a), b: bindingOf(b), c: bindingOf(c), M: 1, N: 1, K: 2, activation: "relu" });
  expect([...(await readData(c))]).toEqual([0]);
});

it("a matmul gives the same bits every time", async () => {
  const [a, b] = [tensor(randoms(10 * 4097)), tensor(randoms(4097 * 10))];
  const runs = [0, 1].map(async () => {
    const c = tensor(new Float32Array(100));
    runMatmul(device, { a: bindingOf(a), b: bindingOf(b), c: bindingOf(c), M: 10, N: 10, K: 4097 });
    return readData(c);
  });
  const [first, second] = await Promise.all(runs);
  expect(first).toEqual(second);
});

describeHalf(device, "matmuls of f16", () => {
  /** The result in f16 of a kernel that reads f16, and in f32 of the same kernel on the same values. */
  async function both(wanted: Omit<Matmul, "a" | "b" | "c">): Promise<[ArrayLike<number>, ArrayLike<number>]> {
    const { M, N, K, batch = 1 } = wanted;
    const sizes = { a: batch * M * K, b: batch * K * N, bias: N, saved: batch * M * N };
    const halves = Object.entries(sizes).map(([name, size]) => [name, tensor(randoms(size)).to("f16")] as const);
    const results = [];
    for (const dtype of ["f16", "f32"] as const) {
      const operands = Object.fromEntries(halves.map(([name, x]) => [name, x.to(dtype)]));
      const { a, b, bias, saved } = operands as Record<keyof typeof sizes, Tensor>;
      const [c, biasGrad] = [empty(device, [batch * M * N], dtype), empty(device, [M], dtype)];
      runMatmul(device, {
        ...wanted,
        half: dtype === "f16",
        a: bindingOf(a),
        b: bindingOf(b),
        c: bindingOf(c),
        ...(wanted.transA ? { biasGrad: bindingOf(biasGrad) } : { bias: bindingOf(bias) }),
        ...(wanted.derivative && { saved: bindingOf(saved) }),
      });
      const parts = wanted.transA ? [c, biasGrad] : [c];
      // Rounded once.
      results.push(await readData(cat(parts.map((one) => one.to("f16").to("f32")))));
    }
    return results as [Float32Array, Float32Array];
  }

  const shapes: Omit<Matmul, "a" | "b" | "c">[] = [
    { M: 33, N: 36, K: 64 },
    { M: 35, N: 33, K: 67, transB: true },
    { M: 36, N: 68, K: 128, transA: true },
    { M: 17, N: 20, K: 36, batch: 3, activation: "relu" },
    { M: 20, N: 36, K: 40, derivative: "tanh" },
    { M: 1, N: 21, K: 132, transB: true },
  ];

  it.each(runnable)("kernel %s gives the bits of f32, rounded", async (variant) => {
    for (const shape of shapes) {
      const isAble = canRun(device, variant, { ...shape, half: true });
      const [half, single] = await both({ ...shape, ...(isAble && { variant }) });
      expect(half, JSON.stringify(shape)).toEqual(single);
    }
  });

  it.each([
    [40, 9000, 24],
    [3, 3000, 5],
    [5, 0, 7],
    [0, 4, 3],
  ])("%i x %i x %i agrees with f32, sums that are too long for one dispatch too", async (M, K, N) => {
    const [a, b] = [tensor(randoms(M * K), { shape: [M, K] }), tensor(randoms(K * N), { shape: [K, N] })];
    const [x, y] = [a.to("f16"), b.to("f16")];
    const half = matmul(x, y);
    expect(half.dtype).toBe("f16");
    const single = matmul(x.to("f32"), y.to("f32")).to("f16");
    expect(await half.data()).toEqual(await single.data());
  });

  it("a transposed view that starts off the binding's alignment is copied", async () => {
    const rows = tensor(randoms(80 * 64), { shape: [80, 64] }).to("f16");
    const view = rows.slice(0, 1, 41).t();
    const [left, right] = [tensor(randoms(6 * 64), { shape: [6, 64] }).to("f16"), view.to("f32")];
    const single = matmul(left.to("f32"), right).to("f16");
    expect(await matmul(left, view).data()).toEqual(await single.data());
  });

  it("NaN and infinity stay in their row, and what overflows f16 is infinite", async () => {
    const a = tensor([
      [NaN, 1],
      [1, 1],
      [60000, 60000],
    ]).to("f16");
    expect([...(await matmul(a, tensor([[1], [1]]).to("f16")).data())]).toEqual([NaN, 2, Infinity]);
  });
});
