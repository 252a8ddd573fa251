import { expect, it } from "vitest";
import { ArgumentError, GradwellError, ValidationError } from "../../src/errors.ts";
import { runShader } from "../../src/testing/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const scale = `
struct Params { factor: f32, shift: vec2f }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
override TWICE: bool = false;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= arrayLength(&x)) { return; }
  y[id.x] = select(1.0, 2.0, TWICE) * params.factor * x[id.x] + params.shift.x - params.shift.y;
}`;
const x = new Float32Array([1, 2, 3, 4, 5]);
const params = { factor: 3, shift: [10, 1] };

it("runShader runs a user-defined shader", async () => {
  const { y } = await runShader({ wgsl: scale, bindings: { x, y: new Float32Array(5) }, params, workgroups: 1 });
  expect(y).toEqual(new Float32Array([12, 15, 18, 21, 24]));
});

it("runShader takes overrides, plain numbers and lengths, and any form of workgroups", async () => {
  for (const workgroups of [1, [1], [1, 1], [1, 1, 1], 70000, undefined]) {
    const bindings = { x: [1, 2], y: { length: 3 } };
    const run = { wgsl: scale, bindings, params, overrides: { TWICE: true } };
    const { y } = await runShader({ ...run, ...(workgroups !== undefined && { workgroups }) });
    expect(y).toEqual(new Float32Array([15, 21, 0]));
  }
});

it("runShader gives buffers exactly their length, and outputs the type that was given or declared", async () => {
  const wgsl = `
    @group(0) @binding(0) var<storage, read_write> lengths: array<u32>;
    @group(0) @binding(1) var<storage, read> a: array<i32>;
    @group(0) @binding(2) var<storage, read_write> b: array<vec4<i32>>;
    @group(0) @binding(3) var<storage, read_write> counter: atomic<u32>;
    @compute @workgroup_size(4) fn main() {
      lengths[0] = arrayLength(&lengths);
      lengths[1] = arrayLength(&a);
      lengths[2] = arrayLength(&b);
      b[0] = vec4<i32>(a[0]);
      atomicAdd(&counter, 1u);
    }`;
  const outputs = await runShader({
    wgsl,
    bindings: { lengths: { size: 3 }, a: [-7, 1, 2], b: { length: 8 }, counter: [5] },
  });
  expect(outputs).toEqual({
    lengths: new Uint32Array([3, 3, 2]),
    b: new Int32Array([-7, -7, -7, -7, 0, 0, 0, 0]),
    counter: new Uint32Array([9]),
  });
  const floats = await runShader({
    wgsl,
    bindings: {
      lengths: { length: 3, type: "f32" },
      a: new Int32Array(1),
      b: { length: 4 },
      counter: new Uint8Array(4),
    },
  });
  expect(floats.lengths).toBeInstanceOf(Float32Array);
  expect(floats.counter).toEqual(new Uint8Array([4, 0, 0, 0]));
});

it("runShader leaves no memory behind, and inputs unchanged", async () => {
  await runShader({ wgsl: scale, bindings: { x, y: { length: 5 } }, params });
  const before = device.memory().liveBytes;
  await runShader({ wgsl: scale, bindings: { x, y: { length: 5 } }, params });
  expect(device.memory().liveBytes).toBe(before);
  expect(x).toEqual(new Float32Array([1, 2, 3, 4, 5]));
});

it("runShader shows the line that does not compile, every time", async () => {
  const wgsl = scale.replace("params.factor * x", "params.faktor * x");
  for (let i = 0; i < 2; i++) {
    const run = runShader({ wgsl, bindings: { x, y: { length: 5 } }, params });
    await expect(run).rejects.toThrow(ValidationError);
    await expect(run).rejects.toThrow(/kernel 'runShader'[\s\S]*wgsl:9:\d+ [\s\S]*y\[id\.x\] = select.*faktor/);
  }
});

it("runShader reports what WebGPU refuses of an override or a binding", async () => {
  const wgsl = `override SIZE: u32 = 1;
    @group(0) @binding(0) var<storage, read_write> y: array<vec4f>;
    @compute @workgroup_size(SIZE) fn main() { y[0] = vec4f(1.0); }`;
  await expect(runShader({ wgsl, bindings: { y: { length: 4 } }, overrides: { SIZE: 100000 } })).rejects.toThrow(
    /^kernel 'runShader': ./,
  );
  await expect(runShader({ wgsl, bindings: { y: { length: 1 } } })).rejects.toThrow(ValidationError);
});

it("runShader refuses names, values and shaders that do not fit", async () => {
  const run = (options: object) => runShader({ wgsl: scale, bindings: { x, y: { length: 5 } }, params, ...options });
  await expect(run({ bindings: { x } })).rejects.toThrow(/'bindings.y' expected a typed array, numbers, or \{ length/);
  await expect(run({ bindings: { x, z: x } })).rejects.toThrow(/unknown option 'z'.*known: x, y/);
  await expect(run({ bindings: { x, y: { length: -1 } } })).rejects.toThrow(/bindings.y.length' expected an integer/);
  await expect(run({ bindings: { x, y: { length: 1, type: "f64" } } })).rejects.toThrow(/expected f32, i32 or u32/);
  await expect(run({ params: { factor: 1 } })).rejects.toThrow(/'shift' expected a number or a list of numbers/);
  await expect(run({ params: { ...params, faktor: 1 } })).rejects.toThrow(
    /unknown option 'faktor'; did you mean 'factor'/,
  );
  await expect(run({ overrides: { TWISE: true } })).rejects.toThrow(/did you mean 'TWICE'/);
  await expect(run({ workgroups: [1, 2, 3, 4] })).rejects.toThrow(ArgumentError);
  await expect(run({ workgroups: 1.5 })).rejects.toThrow(/'workgroups' expected an integer/);
  await expect(run({ wgsl: "fn main() {}" })).rejects.toThrow(GradwellError);
  await expect(run({ wgsl: 3 })).rejects.toThrow(/'wgsl' expected a shader's text/);
});
