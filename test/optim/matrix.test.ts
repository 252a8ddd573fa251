/** Muon and Shampoo against plain double-precision references. */
import { describe, expect, it } from "vitest";
import { capture, nn, type Tensor, tensor } from "../../src/index.ts";
import { AdamW, Muon, Shampoo } from "../../src/optim/index.ts";
import { inverseFourthRoot } from "../../src/optim/inverse-root.ts";
import { asRows, flip, type Matrix, map2, product, scaled, symmetric } from "../reference/dense.ts";
import { adamw } from "../reference/optim.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { leaf, matchesReference, numbers, setGrad } from "../support/optim.ts";

await testDevice();

const [ROWS, COLUMNS] = [6, 4];
const matrixLeaf = (values: number[], columns = COLUMNS): Tensor =>
  tensor(values, { shape: [values.length / columns, columns], requiresGrad: true });

function orthogonal(matrix: Matrix): Matrix {
  const isTall = matrix.length > matrix[0]!.length;
  const norm = Math.sqrt(matrix.flat().reduce((total, value) => total + value * value, 0));
  let x = scaled(isTall ? flip(matrix) : matrix, 1 / Math.max(norm, 1e-7));
  for (let step = 0; step < 5; step++) {
    const gram = product(x, flip(x));
    const polynomial = map2(gram, product(gram, gram), (a, b) => -4.775 * a + 2.0315 * b);
    x = map2(x, product(polynomial, x), (a, b) => 3.4445 * a + b);
  }
  return isTall ? flip(x) : x;
}

/** Muon in double precision on one matrix. */
function muonReference(columns: number, o: { lr: number; weightDecay: number; momentum: number; nesterov: boolean }) {
  let average: Matrix | undefined;
  return (p: number[], g: readonly number[]) => {
    const gradient = asRows(g, columns);
    average ??= scaled(gradient, 0);
    average = map2(average, gradient, (m, one) => o.momentum * m + (1 - o.momentum) * one);
    const ahead = map2(average, gradient, (m, one) => o.momentum * m + (1 - o.momentum) * one);
    const direction = orthogonal(o.nesterov ? ahead : average);
    const scale = Math.sqrt(Math.max(1, gradient.length / columns));
    direction.flat().forEach((one, i) => {
      p[i] = p[i]! * (1 - o.lr * o.weightDecay) - o.lr * scale * one;
    });
  };
}

function shampooReference(columns: number, o: { lr: number; momentum: number; beta: number; eps: number }) {
  let [left, right, average]: (Matrix | undefined)[] = [];
  let count = 0;
  const root = (a: Matrix) => {
    const bound = Math.max(...a.map((row) => row.reduce((total, value) => total + Math.abs(value), 0)));
    return symmetric(a, (value) => (value + o.eps * bound) ** -0.25);
  };
  return (p: number[], g: readonly number[]) => {
    const gradient = asRows(g, columns);
    const rate = Math.max(1 - o.beta, 1 / ++count);
    const move = (mean: Matrix | undefined, x: Matrix) =>
      mean ? map2(mean, x, (m, one) => m + rate * (one - m)) : scaled(x, rate);
    left = move(left, product(gradient, flip(gradient)));
    right = move(right, product(flip(gradient), gradient));
    const direction = product(product(root(left), gradient), root(right));
    average ??= scaled(gradient, 0);
    average = map2(average, direction, (m, one) => o.momentum * m + (1 - o.momentum) * one);
    average.flat().forEach((one, i) => {
      p[i] = p[i]! - o.lr * one;
    });
  };
}

const gradients = (count: number) => (step: number) => numbers(count, step + 9);

describe("Muon", () => {
  it.each([
    [ROWS, COLUMNS, true],
    [COLUMNS, ROWS, false],
  ])("follows the reference on (%d, %d), nesterov %s", async (rows, columns, nesterov) => {
    const options = { lr: 0.05, weightDecay: 0.1, momentum: 0.9, nesterov };
    const p = matrixLeaf(numbers(rows * columns), columns);
    const reference = muonReference(columns, options);
    await matchesReference(new Muon([p], options), p, reference, 5, gradients(rows * columns), { rtol: 0, atol: 2e-5 });
  });

  it("makes singular values nearly 1", async () => {
    const p = matrixLeaf(new Array(ROWS * COLUMNS).fill(0));
    setGrad(p, numbers(ROWS * COLUMNS, 3));
    new Muon([p], { lr: 1, weightDecay: 0, adjustLr: "original" }).step();
    const moved = asRows(await p.data(), COLUMNS);
    const gram = product(flip(moved), moved);
    for (const [i, row] of gram.entries()) expect(row[i]! / (ROWS / COLUMNS)).toBeGreaterThan(0.3);
    for (const [i, row] of gram.entries()) expect(row[i]! / (ROWS / COLUMNS)).toBeLessThan(1.6);
  });
});

describe("Shampoo", () => {
  it("follows the reference", async () => {
    const options = { lr: 0.05, momentum: 0.5, eps: 1e-3 };
    const p = matrixLeaf(numbers(ROWS * COLUMNS));
    const optimizer = new Shampoo([p], { ...options, statisticsBeta: 0.8, every: 1, adjustLr: "original" });
    const reference = shampooReference(COLUMNS, { ...options, beta: 0.8 });
    await matchesReference(optimizer, p, reference, 5, gradients(ROWS * COLUMNS), { rtol: 0, atol: 3e-4 });
  });

  it("treats blocks as separate matrices", async () => {
    // (4, 6) in blocks of at most 3: four of (2, 3).
    const p = matrixLeaf(numbers(24), 6);
    const options = { lr: 0.05, momentum: 0, eps: 1e-3 };
    const optimizer = new Shampoo([p], { ...options, every: 1, blockSize: 3, adjustLr: "original" });
    const references = Array.from({ length: 4 }, () => shampooReference(3, { ...options, beta: 0.99 }));
    const whole = (values: number[], g: readonly number[]) =>
      references.forEach((reference, block) => {
        const indices = Array.from(
          { length: 6 },
          (_, k) => 6 * (2 * (block >> 1) + (k < 3 ? 0 : 1)) + 3 * (block & 1) + (k % 3),
        );
        const part = indices.map((index) => values[index]!);
        reference(
          part,
          indices.map((index) => g[index]!),
        );
        indices.forEach((index, k) => {
          values[index] = part[k]!;
        });
      });
    await matchesReference(optimizer, p, whole, 3, gradients(24), { rtol: 0, atol: 3e-4 });
  });

  it("computes roots only every few steps", async () => {
    const p = matrixLeaf(numbers(16), 4);
    const optimizer = new Shampoo([p], { every: 3 });
    const rootAt = async () => {
      setGrad(p, numbers(16, optimizer.stepCount + 2));
      optimizer.step();
      return Array.from(await optimizer.stateDict().preconditioners["0"]!.leftRoot.data(), Number);
    };
    const roots = [await rootAt(), await rootAt(), await rootAt(), await rootAt()];
    expect(roots[2]).toEqual(roots[0]);
    expect(roots[3]).not.toEqual(roots[0]);
  });

  it("continues from its state dict", async () => {
    const [p, q] = [matrixLeaf(numbers(24), 6), matrixLeaf(numbers(24), 6)];
    const [first, second] = [new Shampoo([p], { every: 2 }), new Shampoo([q], { every: 2 })];
    const step = (optimizer: Shampoo, param: Tensor, k: number) => {
      setGrad(param, numbers(24, k + 2));
      optimizer.step();
    };
    for (let k = 0; k < 3; k++) step(first, p, k);
    q.copy_(p);
    second.loadStateDict(first.stateDict());
    for (let k = 3; k < 6; k++)
      for (const [optimizer, param] of [
        [first, p],
        [second, q],
      ] as const)
        step(optimizer, param, k);
    expect(await q.data()).toEqual(await p.data());
  });
});

it.each([1e-2, 1e-4])("inverse fourth roots of a badly conditioned matrix are accurate with ridge %d", async (eps) => {
  const n = 5;
  const basis = asRows(numbers(n * n, 4), n);
  const a = symmetric(product(basis, flip(basis)), (value) => value);
  const values = symmetric(a, (value) => value ** 3);
  const bound = Math.max(...values.map((row) => row.reduce((total, value) => total + Math.abs(value), 0)));
  const exact = symmetric(values, (value) => (value + eps * bound) ** -0.25);
  const found = inverseFourthRoot(tensor([values, scaled(values, 0)]), eps);
  const largest = Math.max(...exact.flat().map(Math.abs));
  expectClose((await found.data()).subarray(0, n * n), exact.flat(), { rtol: 0, atol: 2e-3 * largest }, "root");
  expectClose((await found.data()).subarray(n * n), new Array(n * n).fill(0), { rtol: 0, atol: 0 }, "root of zeros");
});

describe.each([
  ["Muon", Muon],
  ["Shampoo", Shampoo],
] as const)("%s", (_, Class) => {
  it("moves what is no matrix as AdamW does", async () => {
    const options = { lr: 0.01, weightDecay: 0.3 };
    const [p, q] = [leaf(numbers(5)), leaf(numbers(5))];
    const optimizer = new Class([p], options);
    expect(optimizer.paramGroups[0]).toMatchObject({ matrix: false });
    await matchesReference(optimizer, p, adamw(options), 5, gradients(5), { rtol: 0, atol: 1e-6 });
    await matchesReference(new AdamW([q], options), q, adamw(options), 5, gradients(5), { rtol: 0, atol: 1e-6 });
  });

  it("does the same captured, whatever the step, and lowers a loss", async () => {
    const train = async (captured: boolean) => {
      const model = new nn.Sequential(new nn.Linear(6, 8), new nn.Tanh(), new nn.Linear(8, 2));
      model.parameters().forEach((param, i) => {
        param.copy_(tensor(numbers(param.size, i + 1), { shape: param.shape }));
      });
      const optimizer = new Class(model.parameters(), { lr: 0.02, weightDecay: 0, adjustLr: "matchRmsAdamw" });
      const run = (x: Tensor, y: Tensor) => {
        optimizer.zeroGrad();
        const loss = nn.mseLoss(model.forward(x), y);
        loss.backward();
        optimizer.step();
        return loss;
      };
      const step = captured ? capture(run) : run;
      const [x, y] = [tensor(numbers(24, 5), { shape: [4, 6] }), tensor(numbers(8, 6), { shape: [4, 2] })];
      const losses: number[] = [];
      for (let k = 0; k < 13; k++) losses.push(await step(x, y).item());
      return losses;
    };
    const losses = await train(false);
    expect(await train(true)).toEqual(losses);
    expect(losses[12]).toBeLessThan(0.6 * losses[0]!);
  });

  it("updates the matrices of a group by AdamW when asked to, and refuses wrong options", () => {
    const p = matrixLeaf(numbers(4), 2);
    expect(new Class([{ params: [p], matrix: false }]).paramGroups).toHaveLength(1);
    expect(() => new Class([{ params: [leaf([1])], matrix: true }])).toThrow("2 dims");
    for (const options of [{ momentum: 1 }, { adjustLr: "none" }, { lr: -1 }, { betas: [1, 0.9] }, { epsilon: 1 }]) {
      expect(() => new Class([p], options as object)).toThrow(new RegExp(`^${Class.name}`));
    }
    expect(() => new Class(p as never)).toThrow("params");
  });
});

it("Shampoo handles a batch of gradients of zero", async () => {
  const p = matrixLeaf(numbers(16), 4);
  const before = await p.tolist();
  setGrad(p, new Array(16).fill(0));
  new Shampoo([p]).step();
  expect(await p.tolist()).toEqual(before);
});
