/** The device's life: default limits, loss, closing, errors that must not pass unseen. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { requestAdapter } from "../../src/gpu/adapter/adapter.node.ts";
import { ComputeKernel } from "../../src/gpu/compute-kernel.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import { fill } from "../../src/gpu/shaders.generated.ts";
import { DeviceLostError, DisposedError, init, OutOfMemoryError, ValidationError, zeros } from "../../src/index.ts";
import { bindingOf } from "../../src/tensor/binding.ts";
import { testDevice } from "../support/device.ts";
import { allShaders } from "../support/shaders.ts";

const device = await testDevice();

it("every shader makes a pipeline on a device with WebGPU's default limits", async () => {
  const { adapter } = await requestAdapter({ adapter: "auto" });
  const features = (["subgroups", "shader-f16"] as const).filter((name) => adapter.features.has(name));
  const gpu = await adapter.requestDevice({ requiredFeatures: features });
  expect(gpu.limits.maxStorageBuffersPerShaderStage).toBeLessThanOrEqual(10);
  for (const shader of allShaders) {
    if (shader.enables.includes("f16") && !adapter.features.has("shader-f16")) continue;
    gpu.pushErrorScope("validation");
    const open = Object.fromEntries(
      shader.overrides.filter((one) => one.default === undefined).map(({ name }) => [name, 1]),
    );
    void new ComputeKernel(gpu, shader, open, gpu.createShaderModule({ code: shader.code })).pipeline;
    expect((await gpu.popErrorScope())?.message, shader.name).toBeUndefined();
  }
  gpu.destroy();
});

describe("a device's memory", () => {
  it("is limited: a larger tensor is refused with the bytes needed and allowed", () => {
    const elements = device.limits.maxStorageBufferBindingSize / 4 + 1024;
    expect(() => zeros([elements])).toThrow(OutOfMemoryError);
    expect(() => zeros([elements])).toThrow(/needs \d+ bytes.*allows \d+/);
  });
});

describe("errors", () => {
  it("of a shader carry kernel, line and text", async () => {
    const code =
      "@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n@compute @workgroup_size(1)\nfn main() { y[0] = unknown; }";
    const bindings = [{ name: "y", binding: 0, access: "read_write", type: "array<f32>" }] as const;
    const shader = {
      name: "broken",
      code,
      entry: "main",
      bindings,
      params: [],
      paramsBytes: 0,
      overrides: [],
      workgroupSize: [1],
      enables: [],
    };
    const y = zeros([4]);
    runtimeOf(device).run(shader as never, { y: bindingOf(y) } as never, 1);
    await expect(y.data()).rejects.toThrow(/kernel 'broken'.*broken\.wgsl:3:\d+ .*y\[0\] = unknown/s);
    runtimeOf(device).takeErrors();
  });

  it("that WebGPU reports later are thrown by the next sync", async () => {
    device.gpu.createBuffer({ size: 4, usage: 0x80 | 0x1 });
    await expect(device.sync()).rejects.toThrow(ValidationError);
  });
});

it("with `validation` an error of a dispatch names operation and shapes", async () => {
  const checked = await init({ validation: true });
  const x = zeros([4]);
  runtimeOf(checked).operation = { name: "trial", shapes: () => "[4]" };
  runtimeOf(checked).run(fill, { y: { ...bindingOf(x), offset: 4 }, vectors: 1, bits: 0 }, 1);
  runtimeOf(checked).operation = undefined;
  await expect(x.data()).rejects.toThrow(/trial of \[4\]/);
  runtimeOf(checked).takeErrors();
  expect(await zeros([3]).add(1).tolist()).toEqual([1, 1, 1]);
  await checked.close();
  await init();
});

describe("a lost device", () => {
  it("rejects what is pending and what comes after", async () => {
    const lost = await init();
    const x = zeros([4]);
    lost.gpu.destroy();
    await lost.lost;
    await expect(x.data()).rejects.toThrow(DeviceLostError);
    expect(() => x.add(1)).toThrow(DeviceLostError);
    await lost.close();
    await init();
  });
});

describe("close", () => {
  it("makes later use an error, and may be called twice", async () => {
    const other = await init();
    const x = zeros([4]);
    await other.close();
    await other.close();
    expect(() => x.add(1)).toThrow(DisposedError);
    await expect(x.data()).rejects.toThrow(DisposedError);
    expect(() => zeros([1])).toThrow(/init/);
  });

  it("lets the process end by itself, and idling before costs no CPU", async () => {
    const script = `
      import { init, randn } from "./src/index.ts";
      const device = await init();
      await randn([256, 256]).matmul(randn([256, 256])).sum().item();
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const { user, system } = process.cpuUsage(before);
      await device.close();
      console.log(JSON.stringify({ idle: (user + system) / 1e6, closed: Date.now() }));`;
    const run = promisify(execFile)(process.execPath, [
      "--import",
      "tsx",
      "-C",
      "source",
      "--input-type=module",
      "-e",
      script,
    ]);
    const { stdout } = await run;
    const ended = Date.now();
    const { idle, closed } = JSON.parse(stdout.trim().split("\n").at(-1) as string) as { idle: number; closed: number };
    expect(idle).toBeLessThan(0.05);
    expect(ended - closed).toBeLessThan(2000);
  }, 30_000);
});

it("init refuses unknown options and names the nearest", async () => {
  await expect(init({ adaptor: "gpu" } as never)).rejects.toThrow(/did you mean 'adapter'/);
  await expect(init({ adapter: "cpu" } as never)).rejects.toThrow(/'auto', 'gpu' or 'software'/);
});
