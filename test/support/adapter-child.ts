/** Run as a separate process: takes an adapter as the environment says, computes on it, prints what it got. */

import { requestAdapter } from "../../src/gpu/adapter/adapter.node.ts";
import type { AdapterRequest } from "../../src/gpu/adapter/adapter.ts";

const [wanted = "auto"] = process.argv.slice(2);
try {
  const drivers = process.env.VK_DRIVER_FILES;
  const { adapter, kind, name } = await requestAdapter({ adapter: wanted as AdapterRequest["adapter"] });
  const again = await requestAdapter({ adapter: wanted as AdapterRequest["adapter"] });
  const device = await adapter.requestDevice();
  const sum = await sumOfSquares(device);
  device.destroy();
  const envKept = process.env.VK_DRIVER_FILES === drivers;
  console.log(JSON.stringify({ kind, name, sum, again: again.kind, envKept }));
} catch (error) {
  console.log(JSON.stringify({ error: (error as Error).name, message: (error as Error).message }));
}

/** 0^2 + ... + 7^2 by the GPU's squares. */
async function sumOfSquares(device: GPUDevice): Promise<number> {
  const code = `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
    @compute @workgroup_size(8) fn main(@builtin(local_invocation_index) i: u32) { y[i] = i * i; }`;
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const [STORAGE, COPY_SRC, COPY_DST, MAP_READ] = [0x80, 0x4, 0x8, 0x1];
  const buffer = device.createBuffer({ size: 32, usage: STORAGE | COPY_SRC });
  const read = device.createBuffer({ size: 32, usage: COPY_DST | MAP_READ });
  const layout = pipeline.getBindGroupLayout(0);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, read, 0, 32);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(MAP_READ);
  return new Uint32Array(read.getMappedRange()).reduce((a, b) => a + b, 0);
}
