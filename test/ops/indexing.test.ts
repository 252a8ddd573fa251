import { describe, expect, it } from "vitest";
import {
  DtypeError,
  gather,
  indexSelect,
  ones,
  ShapeError,
  scatterAdd,
  type Tensor,
  tensor,
  tril,
  zeros,
} from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { moves } from "../support/tolerance.ts";
import { labels, uniform } from "../support/values.ts";

await testDevice();

await goldenSuite("ops_movement", { ops: ["indexSelect", "gather", "scatterAdd", "tril", "triu"], ...moves });

it("the gradient of a vocabulary is summed in one order: the same bits every time, and correct", async () => {
  const [words, width, count] = [10_007, 16, 3001];
  // Most rows once, one of them very often.
  const indices = labels(count, words, 3).map((row, i) => (i % 5 === 0 ? 42 : row));
  const gradient = uniform(count * width, -1, 1, 4);
  const expected = new Float64Array(words * width);
  indices.forEach((row, i) => {
    for (let j = 0; j < width; j++) expected[row * width + j]! += gradient[i * width + j] as number;
  });
  const run = async () => {
    const table = zeros([words, width], { requiresGrad: true });
    const rows = indexSelect(table, 0, tensor(indices));
    rows.backward(tensor(gradient, { shape: [count, width] }));
    return (table.grad as unknown as Tensor).data();
  };
  const first = await run();
  // The frequent row is a sum of 600.
  expectClose(first, expected, { rtol: 1e-5, atol: 2e-5 }, "gradient");
  expect(new Uint32Array((await run()).buffer)).toEqual(new Uint32Array(first.buffer));
});

it("indexing handles empty lists, empty tensors and scalars", async () => {
  const none = tensor([], { dtype: "i32" });
  const x = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { requiresGrad: true },
  );
  const picked = indexSelect(x, 1, none);
  expect(picked.shape).toEqual([2, 0]);
  picked.backward(zeros([2, 0]));
  expect([...(await (x.grad as unknown as Tensor).data())]).toEqual([0, 0, 0, 0]);
  expect(gather(x, 0, zeros([0, 2], { dtype: "i32" })).shape).toEqual([0, 2]);
  expect([...(await scatterAdd(tensor([1, 2]), 0, none, tensor([])).data())]).toEqual([1, 2]);
  expect(await gather(tensor(5), 0, tensor(0, { dtype: "i32" })).item()).toBe(5);
  expect(tril(zeros([0, 3])).shape).toEqual([0, 3]);
});

it("indexing names what does not fit", () => {
  const [x, index] = [ones([2, 3]), zeros([2, 1], { dtype: "i32" })];
  expect(() => indexSelect(x, 0, index)).toThrow(ShapeError);
  expect(() => indexSelect(x, 2, tensor([0], { dtype: "i32" }))).toThrow(/dim/);
  expect(() => gather(x, 0, tensor([0], { dtype: "i32" }))).toThrow(/as many dims/);
  expect(() => gather(x, 1, zeros([3, 1], { dtype: "i32" }))).toThrow(/no larger/);
  expect(() => scatterAdd(x, 1, index, ones([2, 1], { dtype: "i32" }))).toThrow(DtypeError);
  expect(() => tril(ones([3]))).toThrow(/2 dims/);
  expect(() => tril(x, 0.5)).toThrow(/diagonal/);
});

/** Sums in single precision and a fixed order, to the last bit: blocks of 256, blocks of 256 of those, and the rest. */
function inOrder(size: number, indices: ArrayLike<number>, values: ArrayLike<number>): Float32Array {
  const lists = Array.from({ length: size }, (): number[] => []);
  for (let i = 0; i < indices.length; i++) lists[indices[i] as number]?.push(values[i] as number);
  const sumOf = (list: readonly number[], block: number): number => {
    let total = 0;
    for (let i = 0; i < list.length; i += block) {
      const part = block === 1 ? (list[i] as number) : sumOf(list.slice(i, i + block), block / 256);
      total = Math.fround(total + part);
    }
    return total;
  };
  return Float32Array.from(lists, (list) => sumOf(list, 65536));
}

describe.each([1, 64, 65, 255, 256, 257, 511, 513, 1025, 100_000])("scatters to %d indices", (count) => {
  // Few rows, so that equal indices abound; one third of all is the same.
  const indices = labels(count, 33, 5).map((row, i) => (i % 3 === 0 ? 11 : row));
  const values = uniform(count, -1, 1, 6);
  const index = () => tensor(Int32Array.from(indices));

  it("add in the order of the list, to the last bit", async () => {
    const expected = inOrder(33, indices, values);
    expect(await scatterAdd(zeros([33]), 0, index(), tensor(values)).data()).toEqual(expected);
    const table = zeros([33, 1], { requiresGrad: true });
    indexSelect(table, 0, index()).backward(tensor(values, { shape: [count, 1] }));
    expect(await table.grad?.data()).toEqual(expected);
  });

  it("add integers, along a dim between others", async () => {
    const shape = [2, count, 3];
    const [at, add] = [labels(6 * count, 33, 7), labels(6 * count, 100, 8)];
    const expected = new Int32Array(2 * 33 * 3);
    at.forEach((row, i) => {
      expected[(Math.floor(i / (3 * count)) * 33 + row) * 3 + (i % 3)]! += add[i] as number;
    });
    const whole = (data: Int32Array) => tensor(data, { shape });
    const y = scatterAdd(zeros([2, 33, 3], { dtype: "i32" }), 1, whole(at), whole(add));
    expect(await y.data()).toEqual(expected);
  });
});

// Rows of one word, of less than a subgroup's, and of whole vectors; a dim first, and between others.
describe.each([1, 2, 3, 4, 6, 12, 33, 128, 132])("rows of %d", (width) => {
  it.each([
    [1, 9, 5],
    [2, 7, 300],
    [3, 40, 1030],
  ])("are read and summed in any of %d matrices of %d rows by %d indices", async (outer, length, count) => {
    const [x, g] = [uniform(outer * length * width, -1, 1, 11), uniform(outer * count * width, -1, 1, 12)];
    const indices = labels(count, length, 13);
    const [read, sums] = [new Float64Array(g.length), new Float64Array(x.length)];
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < count; i++)
        for (let c = 0; c < width; c++) {
          const [to, at] = [(o * count + i) * width + c, (o * length + (indices[i] as number)) * width + c];
          read[to] = x[at] as number;
          sums[at]! += g[to] as number;
        }
    const table = tensor(x, { shape: [outer, length, width], requiresGrad: true });
    const y = indexSelect(table, 1, tensor(indices));
    expect(Float64Array.from(await y.data())).toEqual(read);
    y.backward(tensor(g, { shape: [outer, count, width] }));
    expectClose(await (table.grad as Tensor).data(), sums, { rtol: 1e-5, atol: 5e-5 }, "gradient");
  });
});
