/** Right before fast: kernels against float64 on poisoned memory between canaries, operations by both choices of launches. */

import { setDefaultDevice } from "../../src/gpu/default-device.ts";
import type { Device } from "../../src/gpu/device.ts";
import { grad, nn, softmax, type Tensor, tensor } from "../../src/index.ts";
import { choiceName, shapeName } from "../../src/kernels/matmul/measured-costs.ts";
import type { Product } from "../../src/kernels/matmul/product.ts";
import { runMatmul } from "../../src/kernels/matmul/run.ts";
import { candidates } from "../../src/kernels/matmul/select.ts";
import { bindingOf } from "../../src/tensor/binding.ts";
import { readData } from "../../src/tensor/readback.ts";
import { productAt } from "../../test/reference/matmul.ts";
import { rowNorm, softmax as softmaxReference } from "../../test/reference/norm.ts";
import { opTable } from "../../test/support/op-table.ts";
import { uniform } from "../../test/support/values.ts";
import { poison } from "./fill.ts";

export interface Verdict {
  checks: number;
  failures: string[];
}

/** Elements of a canary: bindings start at multiples of 256 bytes. */
const CANARY = 64;
const CANARY_VALUE = 12345;

const MATMULS: readonly Product[] = [
  { M: 1, N: 1, K: 1 },
  { M: 16, N: 64, K: 16 },
  { M: 33, N: 65, K: 17 },
  { M: 64, N: 64, K: 64 },
  { M: 128, N: 128, K: 256 },
  { M: 129, N: 127, K: 535 },
  { M: 5, N: 300, K: 3 },
  { M: 8, N: 64, K: 1024 },
  { M: 20, N: 24, K: 40, batch: 3 },
  { M: 17, N: 9, K: 33, batch: 2 },
];

const sizeOf = (shape: readonly number[]) => shape.reduce((size, dim) => size * dim, 1);

/** The first value that is off by more than `rtol` and `atol`, or that was not written. */
function difference(
  got: ArrayLike<number>,
  want: (i: number) => number,
  { rtol, atol }: { rtol: number; atol: number },
): string | undefined {
  for (let i = 0; i < got.length; i++) {
    const [one, expected] = [got[i] ?? Number.NaN, want(i)];
    if (Object.is(one, expected) || Math.abs(one - expected) <= atol + rtol * Math.abs(expected)) continue;
    return `[${i}] is ${one}, should be ${expected}`;
  }
  return undefined;
}

export async function check(device: Device, other: Device, tell: (line: string) => void): Promise<Verdict> {
  const verdict: Verdict = { checks: 0, failures: [] };
  const judge = (name: string, wrong: string | undefined) => {
    verdict.checks++;
    if (!wrong) return;
    verdict.failures.push(`${name}: ${wrong}`);
    tell(`WRONG ${name}: ${wrong}`);
  };
  for (const product of MATMULS) {
    for (const [transA, transB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      await checkMatmul(device, { ...product, transA: transA === true, transB: transB === true }, judge);
    }
  }
  tell(`matmul: ${verdict.checks} checks`);
  await checkRows(device, judge);
  await checkOperations(device, other, judge);
  tell(`all: ${verdict.checks} checks, ${verdict.failures.length} wrong`);
  return verdict;
}

type Judge = (name: string, wrong: string | undefined) => void;

/** Every kernel that select.ts names for the product, with every split. */
async function checkMatmul(device: Device, product: Product, judge: Judge): Promise<void> {
  const { M, N, K, batch = 1 } = product;
  const host = { a: uniform(batch * M * K, -1, 1, 1), b: uniform(batch * K * N, -1, 1, 2) };
  const reference = Float64Array.from({ length: batch * M * N }, (_, i) =>
    productAt({ ...product, ...host }, Math.floor(i / (M * N)), Math.floor(i / N) % M, i % N),
  );
  const [a, b] = [tensor(host.a, { device }), tensor(host.b, { device })];
  for (const choice of candidates(device, product)) {
    const size = batch * M * N;
    const start = new Float32Array(2 * CANARY + size).fill(CANARY_VALUE).fill(Number.NaN, CANARY, CANARY + size);
    const memory = tensor(start, { device });
    const { buffer, offset } = bindingOf(memory);
    const c = { buffer, offset: offset + 4 * CANARY, size: 4 * size };
    runMatmul(device, { ...product, ...choice, a: bindingOf(a), b: bindingOf(b), c });
    const values = await readData(memory);
    const isInside = (i: number) => i >= CANARY && i < CANARY + size;
    // Sums of K products of magnitude 1 in f32; canaries exactly.
    const tolerance = { rtol: 1e-5, atol: 1e-5 + 1e-7 * K };
    const wrong = difference(values, (i) => (isInside(i) ? (reference[i - CANARY] ?? 0) : CANARY_VALUE), tolerance);
    judge(`matmul ${choiceName(choice)} ${shapeName(product)}`, wrong);
    memory.dispose();
  }
  for (const one of [a, b]) one.dispose();
}

const ROWS = [
  [3, 1],
  [5, 7],
  [9, 64],
  [4, 1000],
  [2, 4099],
] as const;

/** Softmax and layer norm with their gradients. */
async function checkRows(device: Device, judge: Judge): Promise<void> {
  for (const [rows, cols] of ROWS) {
    const x = uniform(rows * cols, -3, 3, 3);
    const g = uniform(rows * cols, -1, 1, 4);
    const [weight, bias] = [uniform(cols, 0.5, 1.5, 5), uniform(cols, -1, 1, 6)];
    poison(device);
    const input = tensor(x, { shape: [rows, cols], device, requiresGrad: true });
    const upstream = tensor(g, { shape: [rows, cols], device });
    const soft = softmaxReference(x, g, cols, false);
    const y = softmax(input, 1);
    const [gradX] = grad([y], [input], { gradOutputs: [upstream] });
    const tolerance = { rtol: 1e-4, atol: 1e-5 };
    judge(
      `softmax ${rows}x${cols}`,
      difference(await y.data(), (i) => soft.y[i] ?? Number.NaN, tolerance),
    );
    judge(
      `softmax's gradient ${rows}x${cols}`,
      difference(await gradX!.data(), (i) => soft.gradX[i] ?? Number.NaN, tolerance),
    );
    const norm = rowNorm(x, weight, bias, g, cols, 1e-5);
    const [w, b] = [tensor(weight, { device, requiresGrad: true }), tensor(bias, { device, requiresGrad: true })];
    const normed = nn.layerNorm(input, [cols], w, b, 1e-5);
    const gradients = grad([normed], [input, w, b], { gradOutputs: [upstream] });
    const found = [normed, ...gradients];
    for (const [i, part] of (["y", "gradX", "gradWeight", "gradBias"] as const).entries()) {
      const values = await found[i]!.data();
      const wanted = norm[part];
      // A row of one value is normalized to 0 with a steep slope.
      if (cols > 1)
        judge(
          `layer norm ${rows}x${cols}: ${part}`,
          difference(values, (at) => wanted[at]!, tolerance),
        );
    }
  }
}

/** Values and gradients of every differentiable operation: the launches for GPUs against those for software adapters. */
async function checkOperations(device: Device, other: Device, judge: Judge): Promise<void> {
  for (const { name, fn, shapes, range = [-2, 2] as const } of opTable) {
    const [ours, theirs] = [await valuesOn(device, fn, shapes, range), await valuesOn(other, fn, shapes, range)];
    for (const [i, values] of ours.entries()) {
      const wanted = theirs[i];
      const what = i === 0 ? name : `${name}, gradient ${i}`;
      // Sums in another order.
      judge(what, wanted && difference(values, (at) => wanted[at] ?? Number.NaN, { rtol: 2e-5, atol: 2e-5 }));
    }
  }
  setDefaultDevice(device);
}

async function valuesOn(
  device: Device,
  fn: (...inputs: Tensor[]) => Tensor,
  shapes: readonly (readonly number[])[],
  [low, high]: readonly [number, number],
): Promise<ArrayLike<number>[]> {
  setDefaultDevice(device);
  poison(device);
  const inputs = shapes.map((shape, i) =>
    tensor(uniform(sizeOf(shape), low, high, i + 1), { shape: [...shape], requiresGrad: true }),
  );
  const y = fn(...inputs);
  const upstream = tensor(uniform(y.size, -1, 1, 9), { shape: [...y.shape] });
  const gradients = y.requiresGrad ? grad([y], inputs, { gradOutputs: [upstream], allowUnused: true }) : [];
  const all = [y, ...gradients].filter((one): one is Tensor => one !== null && one !== undefined);
  return await Promise.all(all.map(async (one) => Float32Array.from(await one.data())));
}
