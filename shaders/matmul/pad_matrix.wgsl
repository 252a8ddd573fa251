// Copies matrices into larger ones whose rows are a multiple of four long, zeros around: see kernels/matmul/pad-operands.ts.
import package::lib::index::{linear_group, group_count};

struct Params {
  vectors: u32,      // of y in all
  rows: u32, cols: u32,
  padRows: u32, padCols: u32,
  batchStride: u32,  // elements of x from one matrix to the next
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;        // (batch, rows, cols)
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // (batch, padRows, padCols / 4)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let step = group_count(nwg) * WORKGROUP;
  let across = params.padCols / 4u;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.vectors; i += step) {
    let row = i / across % params.padRows;
    let col = i % across * 4u + vec4u(0u, 1u, 2u, 3u);
    let at = i / across / params.padRows * params.batchStride + row * params.cols + min(col, vec4u(params.cols - 1u));
    let read = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
    y[i] = select(vec4f(), read, (col < vec4u(params.cols)) & vec4<bool>(row < params.rows));
  }
}
