import { describe, expect, it } from "vitest";
import type { BufferPool } from "../../src/gpu/buffer-pool.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import { ArgumentError, backward, capture, grad, nn, ShapeError, type Tensor, tensor } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { decompositions } from "../support/tolerance.ts";
import { labels, normals } from "../support/values.ts";

const device = await testDevice();
const { crossEntropy, linear, linearCrossEntropy } = nn;
const leaf = (shape: number[], seed: number, std = 1) =>
  tensor(
    normals(
      shape.reduce((a, b) => a * b, 1),
      seed,
      { std },
    ),
    { shape, requiresGrad: true },
  );

/** Rows, features, classes: within a block, and in several with a short last one. */
const shapes: [number, number, number][] = [
  [1, 1, 1],
  [5, 3, 7],
  [130, 16, 33],
  [150, 5, 40001],
];

describe("linearCrossEntropy", () => {
  it.each(shapes)("equals crossEntropy(linear()) on %i rows of %i for %i classes", async (rows, features, classes) => {
    const target = labels(rows, classes, 2);
    const ignoreIndex = target[0] as number;
    for (const reduction of ["mean", "sum", "none"] as const) {
      for (const labelSmoothing of [0, 0.1]) {
        const options = { reduction, labelSmoothing, ...(rows > 1 && { ignoreIndex }) };
        const inputs = [leaf([rows, features], 1), leaf([classes, features], 3, 0.3), leaf([classes], 4)] as const;
        const [x, weight, bias] = inputs;
        const fused = linearCrossEntropy(x, weight, tensor(target), { bias, ...options });
        const plain = crossEntropy(linear(x, weight, bias), tensor(target), options);
        const sums = { rtol: decompositions.rtol!, atol: decompositions.atol! * rows };
        expectClose(await fused.data(), await plain.data(), sums, reduction);
        const gradOutputs = tensor(normals(fused.size, 5), { shape: fused.shape });
        const [got, want] = [fused, plain].map((loss) => grad(loss, [...inputs], { gradOutputs }));
        for (const [i, one] of got!.entries())
          expectClose(await one.data(), await want![i]!.data(), sums, `gradient ${i}, ${reduction}`);
      }
    }
  });

  it("gives each operand a gradient of its own, whichever want one", async () => {
    const target = tensor(labels(9, 6, 2));
    const all = [leaf([9, 4], 1), leaf([6, 4], 2), leaf([6], 3)] as const;
    const want = grad(linearCrossEntropy(all[0], all[1], target, { bias: all[2] }), [...all]);
    for (const wanted of [[0], [1], [2], [0, 1], [1, 2], [0, 2]]) {
      const [x, weight, bias] = all.map((one, i) => (wanted.includes(i) ? one : one.detach())) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const got = grad(
        linearCrossEntropy(x, weight, target, { bias }),
        wanted.map((i) => all[i] as Tensor),
      );
      for (const [i, one] of got.entries()) expect(await one.data()).toEqual(await want[wanted[i]!]!.data());
    }
  });

  it("has a second derivative", async () => {
    const [x, weight, target] = [leaf([4, 3], 1), leaf([5, 3], 2), tensor(labels(4, 5, 3))];
    const second = (loss: Tensor) => {
      const [first] = grad(loss, [x], { createGraph: true });
      return grad(first!.square().sum(), [x, weight]);
    };
    const got = second(linearCrossEntropy(x, weight, target));
    const want = second(crossEntropy(linear(x, weight), target));
    for (const [i, one] of got.entries()) expectClose(await one.data(), await want[i]!.data(), decompositions, `${i}`);
  });

  it("takes leading dims, and gives the same bits captured and eager", async () => {
    const [x, weight] = [leaf([2, 3, 4], 1), leaf([6, 4], 2)];
    const target = tensor(labels(6, 6, 2), { shape: [2, 3] });
    const step = () => {
      x.grad = null;
      const loss = linearCrossEntropy(x, weight, target);
      backward(loss);
      return [loss, x.grad!];
    };
    const eager = await Promise.all(step().map((one) => one.data()));
    const captured = capture(step);
    captured();
    const replayed = await Promise.all(captured().map((one) => one.data()));
    for (const [i, values] of replayed.entries()) expect(values).toEqual(eager[i]);
    captured.dispose();
  });

  it("holds a block of the logits at most, forward and backward", async () => {
    const [rows, features, classes] = [1024, 8, 32768];
    const [x, weight, target] = [
      leaf([rows, features], 1),
      leaf([classes, features], 2),
      tensor(labels(rows, classes, 3)),
    ];
    await device.sync();
    const before = device.memory().liveBytes;
    const acquire = runtimeOf(device).pool.acquire;
    let most = 0;
    runtimeOf(device).pool.acquire = function (this: BufferPool, ...args) {
      const buffer = acquire.apply(this, args);
      most = Math.max(most, device.memory().liveBytes - before);
      return buffer;
    };
    backward(linearCrossEntropy(x, weight, target));
    runtimeOf(device).pool.acquire = acquire;
    expect(await x.grad!.data()).toHaveLength(rows * features);
    // The whole logits are 128 MiB; a block and its gradient are 32.
    expect(most).toBeLessThan(48 * 2 ** 20);
  });

  it("refuses labels that are no class, with the row's number among all", async () => {
    const target = labels(150, 40001, 2);
    target[140] = 40001;
    const loss = linearCrossEntropy(leaf([150, 5], 1), leaf([40001, 5], 2), tensor(target));
    await expect(loss.item()).rejects.toThrow(/linearCrossEntropy: argument 'target' has label 40001 in row 140/);
  });

  it("refuses operands that do not fit before anything is dispatched", () => {
    const [x, weight, target] = [leaf([4, 3], 1), leaf([5, 3], 2), tensor(labels(4, 5, 3))];
    const before = runtimeOf(device).recorder.dispatchCount;
    expect(() => linearCrossEntropy(x, leaf([5, 2], 1), target)).toThrow(ShapeError);
    expect(() => linearCrossEntropy(x, weight, tensor(labels(3, 5, 3)))).toThrow(ShapeError);
    expect(() => linearCrossEntropy(x, weight, target, { bias: leaf([4], 1) })).toThrow(/'bias' expected shape \[5\]/);
    expect(() => linearCrossEntropy(x, weight, target, { reduction: "max" as never })).toThrow(ArgumentError);
    expect(runtimeOf(device).recorder.dispatchCount).toBe(before);
  });
});
