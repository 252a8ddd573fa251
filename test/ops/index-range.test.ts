/** Indices out of range: the next read throws and names them, and no weight is lost meanwhile. */
import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  capture,
  type Dtype,
  gather,
  indexSelect,
  nn,
  ones,
  optim,
  scatterAdd,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const SIZE = 3;
/** An index list of one that is wrong, at offset 1 of three. */
const list = (wrong: number, dtype: Dtype, count = 3) =>
  tensor(
    Array.from({ length: count }, (_, i) => (i === 1 ? wrong : i % SIZE)),
    { dtype },
  );

interface Indexed {
  readonly argument?: string;
  /** A result that depends on the weight, of [SIZE] or [SIZE, 2] or [n, SIZE] elements. */
  readonly run: (weight: Tensor, index: Tensor) => Tensor;
  readonly shape: (count: number) => number[];
}

const ops: Record<string, Indexed> = {
  indexSelect: { run: (w, index) => indexSelect(w, 0, index), shape: () => [SIZE, 2] },
  gather: { run: (w, index) => gather(w, 0, index), shape: () => [SIZE] },
  scatterAdd: {
    run: (w, index) => scatterAdd(w, 0, index, ones([index.size])),
    shape: () => [SIZE],
  },
  embedding: { run: (w, index) => nn.embedding(index, w), shape: () => [SIZE, 2] },
  nllLoss: { argument: "target", run: (w, index) => nn.nllLoss(w, index), shape: (count) => [count, SIZE] },
};

const wrongs: [number, Dtype][] = [
  [SIZE, "i32"],
  [-1, "i32"],
  [-(2 ** 31), "i32"],
  [2 ** 31 - 1, "i32"],
  [SIZE, "u32"],
  [2 ** 32 - 1, "u32"],
];

describe.each(Object.entries(ops))("%s", (op, { argument = "index", run, shape }) => {
  it.each(wrongs)(
    "names index %d of dtype %s, its offset and the size, at the next read and once",
    async (wrong, dtype) => {
      // Up to 64 indices scatterAdd looks through them for every element, from there on it sorts.
      for (const count of [3, 100]) {
        const weight = zeros(shape(count), { requiresGrad: true });
        const result = run(weight, list(wrong, dtype, count));
        const read = result.data();
        await expect(read).rejects.toThrow(ArgumentError);
        await expect(read).rejects.toThrow(`${op}: argument '${argument}' expected`);
        await expect(read).rejects.toThrow(`from 0 to ${SIZE - 1} (the size is ${SIZE}), got ${wrong} at offset 1`);
        await result.data();
      }
    },
  );

  it("is silent for indices in range, of every view", async () => {
    const turned = tensor(
      [
        [0, 5],
        [1, 5],
        [2, 5],
      ],
      { dtype: "i32" },
    )
      .narrow(1, 0, 1)
      .reshape([3]);
    await run(zeros(shape(3)), turned).data();
  });

  it.each([false, true])("loses no weight in a step with such an index; captured: %s", async (captured) => {
    const weight = tensor(
      new Float32Array(6)
        .map((_, i) => i / 4)
        .slice(
          0,
          shape(2).reduce((a, b) => a * b),
        ),
      {
        shape: shape(2),
        requiresGrad: true,
      },
    );
    const head = tensor([0.5], { requiresGrad: true });
    const optimizer = new optim.Adam([weight, head], { lr: 0.1 });
    const train = (index: Tensor) => {
      optimizer.zeroGrad();
      const result = run(weight.mul(head), index);
      const loss = (result.ndim === 0 ? result : result.mul(head).square()).mean();
      loss.backward();
      optimizer.step();
      return loss;
    };
    const step = captured ? capture(train) : train;
    for (const wrong of [1, 1, SIZE, -1]) {
      const loss = step(tensor([0, wrong], { dtype: "i32" }));
      const isRight = wrong === 1;
      if (isRight) expect(await loss.item()).toBeTypeOf("number");
      else await expect(loss.item()).rejects.toThrow(ArgumentError);
    }
    for (const one of [weight, head]) {
      expect([...(await one.data())].every(Number.isFinite)).toBe(true);
      expect([...((await one.grad?.data()) ?? [Number.NaN])].every(Number.isFinite)).toBe(true);
    }
  });
});

it("an index into nothing is refused at once", () => {
  const [index, none] = [tensor([0], { dtype: "i32" }), zeros([0])];
  expect(() => indexSelect(none, 0, index)).toThrow(/indexSelect: argument 'index' has 1 elements.*is 0/);
  expect(() => gather(none, 0, index)).toThrow(ArgumentError);
  expect(() => scatterAdd(none, 0, index, tensor([1]))).toThrow(ArgumentError);
  expect(() => nn.embedding(index, zeros([0, 2]))).toThrow(ArgumentError);
});

it("labels to ignore are allowed, whatever their value", async () => {
  const x = zeros([2, SIZE]);
  expect(await nn.nllLoss(x, tensor([0, -100], { dtype: "i32" })).item()).toBeCloseTo(0);
  expect(await nn.nllLoss(x, tensor([0, 9], { dtype: "i32" }), { ignoreIndex: 9 }).item()).toBeCloseTo(0);
});
