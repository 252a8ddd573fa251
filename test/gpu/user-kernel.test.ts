import { expect, it } from "vitest";
import { capture } from "../../src/capture/capture.ts";
import { ArgumentError, DisposedError, GradwellError, ValidationError } from "../../src/errors.ts";
import { profile } from "../../src/gpu/profiler.ts";
import type { Cost as KernelCost } from "../../src/gpu/shader.ts";
import { transpose } from "../../src/ops/movement.ts";
import { ones, tensor, zeros } from "../../src/tensor/create.ts";
import { readData } from "../../src/tensor/readback.ts";
import { empty, type Tensor } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
const read = async (x: Tensor) => [...(await readData(x))];

const wgsl = `
struct Params { factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
override ADD: f32 = 0.0;
@compute @workgroup_size(1) fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u) {
  let i = wid.x + wid.y * nwg.x;
  if (i < arrayLength(&y)) { y[i] = params.factor * x[i % arrayLength(&x)] + ADD; }
}`;

it("a user-defined kernel runs on tensors, with params and overrides, past 65,535 workgroups", async () => {
  const kernel = device.kernel({ wgsl, name: "scale", overrides: { ADD: 1 } });
  const [x, y] = [tensor([1, 2, 3]), zeros([70001])];
  kernel.run({ x, y, factor: 2 }, 70001);
  const values = await read(y);
  expect(values.slice(0, 4)).toEqual([3, 5, 7, 3]);
  expect(values[70000]).toBe(5);
  expect(kernel.shader.name).toBe("scale");
});

it("a profile has the cost that a user-defined kernel declares, and the bytes bound without one", async () => {
  const cost: KernelCost = { flops: ({ factor = 0 }) => 100 * factor, bytes: ({ bound, written }) => bound + written };
  const [x, y] = [ones([256]), zeros([1024])];
  for (const [declared, flops, bytes] of [
    [cost, 200, 4 * (256 + 2048)] as const,
    [undefined, 0, 4 * (256 + 1024)] as const,
  ]) {
    const kernel = device.kernel({ wgsl, name: "costly", ...(declared && { cost: declared }) });
    const [row] = await profile(() => kernel.run({ x, y, factor: 2 }, 1024));
    expect(row?.count).toBe(1);
    if (!device.features.timestamps) continue;
    const nanoseconds = 1000 * (row?.microseconds as number);
    expect((row?.gflops as number) * nanoseconds).toBeCloseTo(flops, 3);
    expect((row?.gbps as number) * nanoseconds).toBeCloseTo(bytes, 3);
  }
  expect(() => device.kernel({ wgsl, cost: { flops: 5 as never } })).toThrow(/device.kernel: argument 'flops'/);
  expect(() => device.kernel({ wgsl, cost: { flop: () => 1 } as never })).toThrow(/did you mean 'flops'/);
});

it("a user-defined kernel gets scalars at their exact length, and vectors with their padding", async () => {
  const lengths = device.kernel({
    wgsl: `@group(0) @binding(0) var<storage, read> a: array<f32>;
      @group(0) @binding(1) var<storage, read> b: array<vec4f>;
      @group(0) @binding(2) var<storage, read_write> y: array<u32>;
      @compute @workgroup_size(1) fn main() { y[0] = arrayLength(&a); y[1] = arrayLength(&b); }`,
  });
  const y = zeros([2], { dtype: "u32" });
  lengths.run({ a: ones([5]), b: ones([5]), y }, [1]);
  expect(await read(y)).toEqual([5, 2]);
});

it("a user-defined kernel can be captured", async () => {
  const kernel = device.kernel({ wgsl });
  const step = capture((x: Tensor) => {
    const y = empty(device, [2]);
    kernel.run({ x, y, factor: 10 }, 2);
    return y;
  });
  for (const values of [[1, 2], [3, 4], [5, 6]]) {
    expect(await read(step(tensor(values)))).toEqual(values.map((value) => 10 * value));
  } // biome-ignore format: pairs
});

it("the next read throws with the line where the WGSL is wrong", async () => {
  const kernel = device.kernel({ name: "broken", wgsl: wgsl.replace("params.factor", "params.faktor") });
  const y = zeros([2]);
  kernel.run({ x: ones([2]), y, factor: 1 }, 2);
  const failed = readData(y);
  await expect(failed).rejects.toThrow(ValidationError);
  await expect(failed).rejects.toThrow(/kernel 'broken'[\s\S]*broken\.wgsl:9:\d+ [\s\S]*faktor/);
});

it("a user-defined kernel refuses at once what does not fit", () => {
  const kernel = device.kernel({ wgsl, name: "scale" });
  const [x, y] = [ones([2, 3]), zeros([6])];
  const run = (args: object, groups: unknown = 1) => kernel.run({ x, y, factor: 1, ...args } as never, groups as never);
  expect(() => run({ x: undefined })).toThrow(
    /kernel 'scale': argument 'x' expected a tensor for this binding, got undef/,
  );
  expect(() => run({ x: transpose(x, 0, 1) })).toThrow(/'x' expected a contiguous tensor/);
  expect(() => run({ y: x })).toThrow(ValidationError);
  expect(() => run({ factor: undefined })).toThrow(/'factor' expected a number or a list of numbers/);
  expect(() => run({ fator: 1 })).toThrow(/did you mean 'factor'/);
  expect(() => run({}, -1)).toThrow(/'workgroups' expected an integer >= 0, or a list of one to three, got -1/);
  expect(() => run({}, [])).toThrow(ArgumentError);
  expect(() => device.kernel({ wgsl, overrides: { AD: 1 } })).toThrow(/did you mean 'ADD'/);
  expect(() => device.kernel({ wgsl: "" })).toThrow(GradwellError);
  expect(() => device.kernel({} as never)).toThrow(/'wgsl' expected a shader's text, got undefined/);
  y.dispose();
  expect(() => run({})).toThrow(DisposedError);
});

it("workgroups and bindings are checked before anything is recorded", () => {
  const wgsl = `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = 1.0; }`;
  const kernel = device.kernel({ wgsl });
  const y = zeros([4]);
  for (const groups of [[70_000, 1, 1], [1, 1, 65_536], 2 ** 40, -1, 1.5, "x", null])
    expect(() => kernel.run({ y }, groups as never)).toThrow(ArgumentError);
  for (const args of [null, { y: null }, { y: 1 }, { y: "x" }])
    expect(() => kernel.run(args as never, 1)).toThrow(ArgumentError);
  for (const options of [undefined, null, "x", { wgsl: 3 }])
    expect(() => device.kernel(options as never)).toThrow(ArgumentError);
});
