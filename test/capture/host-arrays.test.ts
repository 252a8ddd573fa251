/** Host arrays as arguments of captured functions: uploaded at each call, with the values that tensor() would have. */
import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  CaptureError,
  capture,
  DtypeError,
  nn,
  optim,
  ShapeError,
  Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

describe("a typed array", () => {
  it.each([
    Float32Array.of(1.5, -2, 3),
    Float64Array.of(1.5, -2, 3),
    Int8Array.of(1, -2, 3),
    Uint8Array.of(1, 2, 3),
    Uint8ClampedArray.of(1, 2, 3),
    Int16Array.of(1, -2, 3),
    Uint16Array.of(1, 2, 3),
    Int32Array.of(1, -2, 3),
    Uint32Array.of(1, 2, 4_000_000_000),
    BigInt64Array.of(1n, -2n, 3n),
    BigUint64Array.of(1n, 2n, 3n),
  ])("$constructor.name has the dtype and values that tensor() gives it, in each call", async (array) => {
    const f = capture((x: Tensor) => x.add(x));
    const wanted = tensor(array).add(tensor(array));
    for (let i = 0; i < 3; i++) {
      const sum = f(array);
      expect(sum.dtype).toBe(wanted.dtype);
      expect(await sum.data()).toEqual(await wanted.data());
    }
    const turned = array.slice().reverse() as typeof array;
    expect(await f(turned).data()).toEqual(await tensor(turned).add(tensor(turned)).data());
    expect(f.recordings).toBe(1);
  });

  it("has the shape that was last given for its class and length at its position", async () => {
    const f = capture((x: Tensor) => x.sum(0));
    expect(await f({ data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] }).tolist()).toEqual([4, 6]);
    expect(await f(Float32Array.of(5, 6, 7, 8)).tolist()).toEqual([12, 14]);
    expect(await f({ data: Float32Array.of(1, 2, 3, 4), shape: [4, 1] }).tolist()).toEqual([10]);
    expect(await f(Float32Array.of(1, 1, 1, 1)).tolist()).toEqual([4]);
    expect(await f(Float32Array.of(1, 1)).tolist()).toBe(2);
    expect(await f(Int32Array.of(1, 1, 1, 1)).tolist()).toBe(4);
  });

  it("has the shape of the option, whose -1 is what the length leaves", async () => {
    const f = capture((x: Tensor, y: Tensor) => x.sum(1).add(y), { shapes: [[-1, 2]] });
    expect(await f(Float32Array.of(1, 2, 3, 4), Float32Array.of(0, 1)).tolist()).toEqual([3, 8]);
    expect(await f(Float32Array.of(1, 2), Float32Array.of(1)).tolist()).toEqual([4]);
    expect(() => f(Float32Array.of(1, 2, 3), Float32Array.of(1))).toThrow(ShapeError);
  });

  it("is a tensor in lists, objects and Maps too, the same array being the same tensor", async () => {
    const array = Float32Array.of(1, 2);
    const f = capture<[{ list: unknown[]; map: Map<string, unknown> }], Tensor>(({ list, map }) => {
      expect(list[0]).toBeInstanceOf(Tensor);
      expect(list[0] === map.get("x")).toBe(true);
      return (list[0] as Tensor).mul(map.get("x") as Tensor).add(list[1] as Tensor);
    });
    const args = { list: [array, { data: [[1, 2]], shape: [2] }], map: new Map([["x", array]]) };
    expect(await f(args).tolist()).toEqual([2, 6]);
    array.fill(3);
    expect(await f(args).tolist()).toEqual([10, 11]);
    expect(f.recordings).toBe(1);
  });

  it("is read at the call: later writes to it belong to later calls", async () => {
    const array = new Float32Array(1000);
    const f = capture((x: Tensor) => x.sum());
    const sums: Tensor[] = [];
    for (let i = 0; i < 20; i++) sums.push(f(array.fill(i)));
    expect(await Promise.all(sums.map((sum) => sum.item()))).toEqual(Array.from({ length: 20 }, (_, i) => 1000 * i));
  });

  it("works beside tensors in either order, alone, and as an output", async () => {
    const f = capture((x: Tensor, y: Tensor) => [x, x.sub(y)] as const);
    const [a, b] = [Float32Array.of(1, 2), Float32Array.of(5, 7)];
    const kept = [f(a, b)[0], f(b, tensor(a))[0], f(tensor(a), tensor(b))[0]];
    expect(await f(a, tensor(b))[1].tolist()).toEqual([-4, -5]);
    expect(await Promise.all(kept.map((one) => one.tolist()))).toEqual([
      [1, 2],
      [5, 7],
      [1, 2],
    ]);
    expect(f.recordings).toBe(3);
  });
});

describe("an argument { data, shape, dtype }", () => {
  it("takes the dtypes of tensor(), f16 and bool included", async () => {
    const f = capture((x: Tensor) => x.mul(1));
    for (const dtype of ["f32", "i32", "u32"] as const) {
      const result = f({ data: Float32Array.of(1, 2), shape: [2, 1], dtype });
      expect(result.dtype).toBe(dtype);
      expect(await result.tolist()).toEqual([[1], [2]]);
    }
    const flipped = capture((mask: Tensor) => mask.logicalNot());
    expect(await flipped({ data: Uint8Array.of(0, 3), shape: [2], dtype: "bool" }).tolist()).toEqual([true, false]);
    if (!device.features.f16) return;
    const half = f({ data: Float32Array.of(1.5, 2, 3), shape: [3], dtype: "f16" });
    expect(half.dtype).toBe("f16");
    expect(await half.tolist()).toEqual([1.5, 2, 3]);
  });

  const f = capture((x: Tensor) => x.mul(1));
  const four = new Float32Array(4);
  const detached = new Float32Array(4);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const { data: wide } = { data: BigInt64Array.of(2n ** 40n) };
  // biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
  it.each<[string, any, new (message: string) => Error, RegExp]>([
    ["a shape of another size", { data: four, shape: [3] }, ShapeError, /arguments\[0\]\.shape.*4 elements/],
    ["a negative dim", { data: four, shape: [-2, -2] }, ArgumentError, /shape/],
    ["an unknown dtype", { data: four, shape: [4], dtype: "f64" }, DtypeError, /dtype/],
    ["a detached buffer", detached, ArgumentError, /detached/],
    ["a detached buffer with a shape", { data: detached, shape: [4] }, ArgumentError, /detached/],
    [
      "shared memory",
      new Float32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer),
      ArgumentError,
      /slice\(\).*SharedArrayBuffer/,
    ],
    [
      "NaN as an integer",
      { data: Float32Array.of(1, Number.NaN), shape: [2], dtype: "i32" },
      ArgumentError,
      /NaN at index 1/,
    ],
    ["a number out of range", { data: [3e9], shape: [1], dtype: "i32" }, ArgumentError, /3000000000 at index 0/],
    ["a negative u32", { data: [-1], shape: [1], dtype: "u32" }, ArgumentError, /-1 at index 0/],
    ["a wide bigint", wide, ArgumentError, /1099511627776 at index 0/],
    ["rows of unequal length", { data: [[1], [1, 2]], shape: [3] }, ShapeError, /rows of equal shape/],
  ])("is refused with %s", async (_, value, Class, message) => {
    expect(() => f(value)).toThrow(Class);
    expect(() => f(value)).toThrow(message);
    expect(await f(four).tolist()).toEqual([0, 0, 0, 0]);
  });
});

it("tensor(hostData) inside a captured function is refused with an error that says what to do", () => {
  for (const data of [[1, 2], 3, Float32Array.of(1), [[true]]])
    expect(() => capture((x: Tensor) => x.add(tensor(data).sum()))(zeros([1]))).toThrow(CaptureError);
  expect(() => capture((x: Tensor) => x.add(tensor([1])))(zeros([1]))).toThrow(
    /tensor\(\.\.\.\) of host data cannot be captured.*pass the array itself to the captured function/,
  );
});

it("300 steps on host-made batches of 3 MB without an await keep a few batches in memory", async () => {
  const model = new nn.Linear(96, 4);
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-4 });
  const step = capture(
    (x: Tensor, y: Tensor) => {
      optimizer.zeroGrad();
      const loss = nn.crossEntropy(model.forward(x), y);
      loss.backward();
      optimizer.step();
      return loss;
    },
    { shapes: [[-1, 96]] },
  );
  const batch = () => new Float32Array(8192 * 96).fill(0.01);
  const labels = new Int32Array(8192);
  step(batch(), labels);
  const before = device.memory();
  let loss: Tensor | undefined;
  for (let i = 0; i < 300; i++) loss = step(batch(), labels);
  expect(device.memory().liveBytes + device.memory().pooledBytes).toBeLessThan(200e6);
  expect(device.memory().liveBytes).toBe(before.liveBytes);
  expect(device.memory().tensors).toBe(before.tensors);
  expect(Number.isFinite(await loss?.item())).toBe(true);
  expect(optimizer.stepCount).toBe(301);
});
