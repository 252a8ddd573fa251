import { describe, expect, it } from "vitest";
import { applySketch } from "../../src/curvature/random-sketches.ts";
import { gram, solveCholesky } from "../../src/curvature/solve.ts";
import { curvature, manualSeed, matmul, randn, type Tensor, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const { newtonSketch } = curvature;
const [n, d] = [512, 8];

/** Features of very different size, and targets that a linear model explains up to noise. */
async function problem(model: "linear" | "logistic"): Promise<{ x: Tensor; y: Tensor }> {
  manualSeed(11);
  const scales = tensor(Array.from({ length: d }, (_, i) => 10 ** (-i / 4)));
  const x = randn([n, d]).mul(scales);
  const output = matmul(x, randn([d])).add(randn([n]).mul(0.3));
  return { x, y: model === "linear" ? output : output.gt(0).to("f32") };
}

/** Exact minimiser of least squares in double precision. */
async function leastSquares(x: Tensor, y: Tensor): Promise<number[]> {
  const [a, b] = [await x.data(), await y.data()];
  const right = Array.from({ length: d }, (_, j) => {
    let total = 0;
    for (let i = 0; i < n; i++) total += Number(a[i * d + j]) * Number(b[i]);
    return total;
  });
  return Array.from(solveCholesky(gram(a, n, d, 0), right)!);
}

describe.each(["none", "gaussian", "srht", "sparse"] as const)("sketch %s", (sketch) => {
  it.each(["cholesky", "cg"] as const)("solves linear regression (%s)", async (solver) => {
    const { x, y } = await problem("linear");
    const found = await newtonSketch({ x, y, model: "linear", sketch, solver, sketchSize: 128, tolerance: 1e-9 });
    expect(found.converged).toBe(true);
    expectClose(await found.weights.data(), await leastSquares(x, y), { rtol: 0, atol: 1e-3 }, "weights");
  });

  it("solves logistic regression to the same loss as exact Newton", async () => {
    const { x, y } = await problem("logistic");
    const base = { x, y, model: "logistic", ridge: 1e-3, tolerance: 1e-8 } as const;
    const exact = await newtonSketch({ ...base, sketch: "none" });
    const found = await newtonSketch({ ...base, sketch, sketchSize: 128 });
    expect(found.converged && exact.converged).toBe(true);
    expect(Math.abs(found.loss - exact.loss)).toBeLessThan(1e-6);
  });
});

it("exact Newton needs one step on least squares", async () => {
  const { x, y } = await problem("linear");
  const { iterations, steps } = await newtonSketch({ x, y, model: "linear", sketch: "none" });
  expect(iterations).toBe(1);
  expect(steps[0]!.stepSize).toBe(1);
});

it("a Newton sketch contracts by about d / m per step, as theory says", async () => {
  const { x, y } = await problem("linear");
  const rate = async (sketchSize: number) => {
    manualSeed(4);
    const options = { x, y, model: "linear", sketch: "gaussian", sketchSize, tolerance: 1e-9 } as const;
    const { steps } = await newtonSketch(options);
    const first = steps[0]!.decrement;
    return (steps[steps.length - 1]!.decrement / first) ** (1 / (steps.length - 1));
  };
  // The decrement is quadratic in the error, whose mean square contracts by about d / m.
  const [narrow, wide] = [await rate(4 * d), await rate(32 * d)];
  expect(wide).toBeLessThan(narrow);
  expect(wide).toBeGreaterThan(1 / 32 / 5);
  expect(wide).toBeLessThan(5 / 32);
});

it.each(["gaussian", "srht", "sparse"] as const)("a sketch by %s keeps lengths on average", async (kind) => {
  manualSeed(8);
  const x = randn([100, 3]);
  const norms = async (matrix: Tensor) => Array.from(await matrix.square().sum(0).data(), Number);
  const exact = await norms(x);
  const sums = [0, 0, 0];
  const draws = 60;
  for (let i = 0; i < draws; i++) {
    const sketched = applySketch(kind, x, 32);
    expect(sketched.shape).toEqual([32, 3]);
    (await norms(sketched)).forEach((one, k) => {
      sums[k]! += one / draws;
    });
  }
  // A draw's relative standard deviation is about sqrt(2 / 32) = 0.25.
  expectClose(sums, exact, { rtol: (5 * 0.25) / Math.sqrt(draws), atol: 0 }, "squared lengths");
});

it("newtonSketch refuses singular systems and bad arguments", async () => {
  const { x, y } = await problem("linear");
  const twice = tensor(
    Float32Array.from({ length: 2 * n }, (_, i) => Math.sin(i >> 1)),
    { shape: [n, 2] },
  );
  await expect(newtonSketch({ x: twice, y, model: "linear", sketch: "none" })).rejects.toThrow(/singular.*ridge/);
  const damped = await newtonSketch({ x: twice, y, model: "linear", sketch: "none", ridge: 0.1 });
  expect(damped.converged).toBe(true);
  await expect(newtonSketch({ x, y, model: "linear", sketchSize: 4 })).rejects.toThrow("sketchSize");
  await expect(newtonSketch({ x, y, model: "poisson" as never })).rejects.toThrow("'linear' or 'logistic'");
  await expect(newtonSketch({ x, y: x, model: "linear" })).rejects.toThrow("'y'");
  await expect(newtonSketch({ x, y, model: "linear", sketch: "fourier" as never })).rejects.toThrow("sketch");
  await expect(newtonSketch({ x, y, model: "linear", ridge: -1 })).rejects.toThrow("ridge");
});
