/** Kernels to begin with on the shader bench. */
import type { Fill } from "./protocol.ts";

export interface Example {
  label: string;
  wgsl: string;
  /** Elements and content of each buffer. */
  buffers: Record<string, [elements: number, fill: Fill]>;
  params: Record<string, number>;
  workgroups: [number, number, number];
}

const MILLION = 1 << 20;

export const EXAMPLES: Record<string, Example> = {
  saxpy: {
    label: "a x + y",
    wgsl: `struct Params { size: u32, a: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;        // (size)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // (size)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i < params.size) {
    y[i] = params.a * x[i] + y[i];
  }
}
`,
    buffers: { x: [MILLION, "counting"], y: [MILLION, "ones"] },
    params: { size: MILLION, a: 2 },
    workgroups: [MILLION / 64, 1, 1],
  },
  rowSums: {
    label: "sum of each row",
    wgsl: `struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;           // (rows, cols)
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;  // (rows)

var<workgroup> parts: array<f32, 64>;

// One workgroup per row.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.cols; i += 64u) {
    sum += x[group.x * params.cols + i];
  }
  parts[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      parts[lane] += parts[lane + half];
    }
  }
  if (lane == 0u) {
    sums[group.x] = parts[0];
  }
}
`,
    buffers: { x: [MILLION, "ones"], sums: [1024, "zeros"] },
    params: { rows: 1024, cols: 1024 },
    workgroups: [1024, 1, 1],
  },
};
