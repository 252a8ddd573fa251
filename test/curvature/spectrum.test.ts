/** Diagonal, extreme eigenvalues and condition number. */
import { describe, expect, it } from "vitest";
import { tridiagonalEigen } from "../../src/curvature/tridiagonal.ts";
import { curvature, manualSeed, nn, type Tensor, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { curvatureCases, open, quadratic } from "../support/curvature.ts";
import { testDevice } from "../support/device.ts";
import { tensorOf } from "../support/golden-module.ts";

await testDevice();

const cases = await curvatureCases();
const { hessianDiagonal, hessianExtremes, conditionNumber, bartlettDiagonal } = curvature;

describe.each(cases)("$name", (one) => {
  it("has numpy's eigenvalues", async () => {
    const { params, loss } = open(one);
    const exact = one.outputs.eigenvalues!.data;
    const scale = Math.max(...exact.map(Math.abs));
    const found = await hessianExtremes(loss, params, { steps: exact.length });
    const tolerance = { rtol: 1e-4, atol: 1e-5 * scale };
    expectClose([found.min, found.max], [exact[0]!, exact[exact.length - 1]!], tolerance, "extremes");
    expect(found.maxError).toBeLessThan(1e-4 * scale);
  });

  const { kappa, kappaDiagonal } = one.outputs;
  it.runIf(kappa)("has numpy's condition numbers", async () => {
    const { params, names, loss } = open(one);
    const P = names.map((name) => {
      const { shape, data } = one.outputs[`diagonal.${name}`]!;
      return tensorOf({ shape, dtype: "f32", data: data.map((value) => 1 / value) });
    });
    const found = [
      await conditionNumber(loss, params, { steps: 40 }),
      await conditionNumber(loss, params, { steps: 40, preconditioner: P }),
    ];
    expectClose(found, [kappa!.data[0]!, kappaDiagonal!.data[0]!], { rtol: 5e-3, atol: 0 }, "kappa");
  });
});

it("hessianDiagonal estimates the diagonal within its standard error", async () => {
  manualSeed(3);
  const one = cases[0]!;
  const { params, names, loss } = open(one);
  const samples = 256;
  const found = hessianDiagonal(loss, params, { samples });
  const exact = names.flatMap((name) => one.outputs[`diagonal.${name}`]!.data);
  const values = (await Promise.all(found.map((part) => part.data()))).flatMap((part) => Array.from(part, Number));
  // No entry's variance exceeds the square of the largest eigenvalue; five standard errors.
  const largest = Math.max(...one.outputs.eigenvalues!.data.map(Math.abs));
  expectClose(values, exact, { rtol: 0, atol: (5 * largest) / Math.sqrt(samples) }, "diagonal");
});

it("hessianDiagonal is exact for a diagonal Hessian with one sample, and repeatable by seed", async () => {
  const { w, loss } = quadratic([1, 20, 300], [1, 1, 1]);
  const [diagonal] = hessianDiagonal(loss, [w], { samples: 1 });
  expect(await diagonal!.tolist()).toEqual([1, 20, 300]);
  const { params, loss: other } = open(cases[0]!);
  const draw = async () => {
    manualSeed(5);
    return (hessianDiagonal(other, params, { samples: 2 })[0] as Tensor).tolist();
  };
  expect(await draw()).toEqual(await draw());
});

it("the Gauss-Newton diagonal of cross entropy is estimated from sampled labels", async () => {
  manualSeed(2);
  // One row, logits = w: the diagonal is p (1 - p), and the squared gradient has that mean.
  const w = tensor([[0.5, -0.5, 0]], { requiresGrad: true });
  const draws = 400;
  const total = [0, 0, 0];
  for (let i = 0; i < draws; i++) {
    const [one] = bartlettDiagonal(() => w.mul(1), [w]);
    Array.from(await one!.data(), Number).forEach((value, k) => {
      total[k]! += value / draws;
    });
    one!.dispose();
  }
  const sum = Math.exp(0.5) + Math.exp(-0.5) + 1;
  const p = [0.5, -0.5, 0].map((logit) => Math.exp(logit) / sum);
  expectClose(
    total,
    p.map((one) => one * (1 - one)),
    { rtol: 0, atol: 0.05 },
    "diagonal",
  );
});

it("another map may replace the Hessian: the Gauss-Newton matrix has no negative eigenvalue", async () => {
  const { params, output, lossOf, loss } = open(cases[1]!);
  const operator = (v: Tensor[]) => curvature.gaussNewtonProduct(output, lossOf, params, v);
  const steps = params.reduce((total, { size }) => total + size, 0);
  const [hessian, gaussNewton] = [
    await hessianExtremes(loss, params, { steps }),
    await hessianExtremes(loss, params, { steps, operator }),
  ];
  expect(hessian.min).toBeLessThan(-1e-3);
  expect(gaussNewton.min).toBeGreaterThan(-1e-5);
  expect(gaussNewton.max).toBeGreaterThan(0.5 * hessian.max);
});

it("the eigenvalues of tridiagonal matrices are found", () => {
  // 2 on the diagonal, -1 beside it: 2 - 2 cos(k pi / (n + 1)).
  const n = 12;
  const { values, last } = tridiagonalEigen(new Array(n).fill(2), new Array(n - 1).fill(-1));
  const exact = values.map((_, k) => 2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)));
  expectClose(values, exact, { rtol: 1e-12, atol: 1e-12 }, "values");
  expect(last.reduce((sum, one) => sum + one * one, 0)).toBeCloseTo(1, 12);
  expect(tridiagonalEigen([3], []).values).toEqual([3]);
});

describe("condition numbers", () => {
  it("of a quadratic match theory, with and without the exact preconditioner and damping", async () => {
    const { w, loss } = quadratic([1, 10, 1000], [1, 2, 3]);
    expect(await conditionNumber(loss, [w])).toBeCloseTo(1000, 0);
    expect(await conditionNumber(loss, [w], { preconditioner: [tensor([1, 0.1, 0.001])] })).toBeCloseTo(1, 4);
    expect(await conditionNumber(loss, [w], { damping: 8 })).toBeCloseTo(1008 / 9, 2);
  });

  it("of indefinite and singular Hessians are refused with the damping that helps", async () => {
    const saddle = quadratic([-1, 2], [1, 1]);
    await expect(conditionNumber(saddle.loss, [saddle.w])).rejects.toThrow(
      /not positive definite.*-1.*damping above 1/,
    );
    const flat = quadratic([0, 2], [1, 1]);
    await expect(conditionNumber(flat.loss, [flat.w])).rejects.toThrow("not positive definite");
    expect(await conditionNumber(flat.loss, [flat.w], { damping: 1 })).toBeCloseTo(3, 4);
  });

  it("need a positive preconditioner and a loss that repeats itself", async () => {
    const { w, loss } = quadratic([1, 2], [1, 1]);
    await expect(conditionNumber(loss, [w], { preconditioner: [tensor([1, 0])] })).rejects.toThrow("positive entries");
    let calls = 0;
    const drifting = () => loss().add(calls++);
    await expect(conditionNumber(drifting, [w])).rejects.toThrow("not deterministic");
    const model = new nn.Dropout(0.5);
    await expect(hessianExtremes(() => model.forward(w).square().sum(), [w])).rejects.toThrow("dropout left on?");
    await expect(hessianExtremes(loss, [w], { steps: 0 })).rejects.toThrow("steps");
  });
});
