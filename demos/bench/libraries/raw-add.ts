/** Small additions with nothing but WebGPU: one pass per submit, everything made beforehand. What a library can at best come down to. */
import type { Device } from "../../../src/index.ts";
import type { Running } from "../library.ts";
import type { Arrays, Work } from "../work.ts";

const WGSL = `
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = a[id.x] + b[id.x]; }`;
/** As many dispatches share a submit as gradwell puts into one at most. */
const PER_SUBMIT = 64;
const STORAGE_AND_COPIES = 0x80 | 0x8 | 0x4;
const READBACK = 0x1 | 0x8;

export function rawAdd(device: Device, { size, repeats }: Work & { kind: "add" }, inputs: Arrays): Running {
  const { gpu } = device;
  const bytes = size * 4;
  const buffer = (usage = STORAGE_AND_COPIES) => gpu.createBuffer({ size: bytes, usage });
  const [a, b, even, odd] = [buffer(), buffer(), buffer(), buffer()] as const;
  gpu.queue.writeBuffer(a, 0, inputs.a as Float32Array<ArrayBuffer>);
  gpu.queue.writeBuffer(b, 0, inputs.b as Float32Array<ArrayBuffer>);
  const module = gpu.createShaderModule({ code: WGSL });
  const pipeline = gpu.createComputePipeline({ layout: "auto", compute: { module } });
  const layout = pipeline.getBindGroupLayout(0);
  const group = (...buffers: GPUBuffer[]) =>
    gpu.createBindGroup({ layout, entries: buffers.map((one, binding) => ({ binding, resource: { buffer: one } })) });
  const [first, toEven, toOdd] = [group(a, b, odd), group(odd, b, even), group(even, b, odd)];
  return {
    run() {
      for (let i = 0; i < repeats; ) {
        const encoder = gpu.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        for (const end = Math.min(repeats, i + PER_SUBMIT); i < end; i++) {
          pass.setBindGroup(0, i === 0 ? first : i % 2 ? toEven : toOdd);
          pass.dispatchWorkgroups(Math.ceil(size / 32));
        }
        pass.end();
        gpu.queue.submit([encoder.finish()]);
      }
    },
    // Without sleeping, which tiny dispatches do not bear.
    sync: async () => void (await gpu.queue.onSubmittedWorkDone()),
    async results() {
      const staging = buffer(READBACK);
      const encoder = gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(repeats % 2 ? odd : even, 0, staging, 0, bytes);
      gpu.queue.submit([encoder.finish()]);
      await staging.mapAsync(1);
      const y = new Float32Array(staging.getMappedRange().slice(0));
      staging.destroy();
      return { y };
    },
    dispose() {
      for (const one of [a, b, even, odd]) one.destroy();
    },
  };
}
