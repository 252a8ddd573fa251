import { expect, it, vi } from "vitest";
import { requestAdapter } from "#adapter";
import { NoAdapterError } from "../../src/errors.ts";
import { init, randn } from "../../src/index.ts";

it("requestAdapter takes the browser's adapter, and its device computes", async () => {
  const { adapter, kind, name } = await requestAdapter({ adapter: "auto" });
  expect(["gpu", "swiftshader", "software"]).toContain(kind);
  expect(name).not.toBe("");
  const device = await adapter.requestDevice();
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, new Uint32Array([1, 2, 3, 4]));
  await buffer.mapAsync(GPUMapMode.READ);
  expect([...new Uint32Array(buffer.getMappedRange())]).toEqual([1, 2, 3, 4]);
  device.destroy();
});

it("requestAdapter never reports a software adapter as a GPU", async () => {
  const choice = await requestAdapter({ adapter: "gpu" }).catch((error: unknown) => error);
  if (choice instanceof Error) {
    expect(choice).toBeInstanceOf(NoAdapterError);
    expect(choice.message).toMatch(/default adapter.*chrome:\/\/gpu/s);
  } else expect(choice).toMatchObject({ kind: "gpu" });
});

it("init({ debug }) logs to the console", async () => {
  const told = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const device = await init({ debug: 2 });
  await randn([4]).exp().data();
  await device.close();
  const lines = told.mock.calls.map(([line]) => String(line));
  told.mockRestore();
  expect(lines.some((line) => /exp on 1x1x1 workgroups in exp of \[4\]/.test(line))).toBe(true);
  expect(lines.some((line) => /submit \d+: 2 dispatches/.test(line))).toBe(true);
});
