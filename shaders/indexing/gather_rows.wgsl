// One batch of 32-bit words: row order[start + i] of src becomes row i of y.
import package::lib::index::{linear_group, group_count};

struct Params { start: u32, rows: u32, width: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;       // (samples, width)
@group(0) @binding(2) var<storage, read> order: array<u32>;     // (samples)
@group(0) @binding(3) var<storage, read_write> y: array<u32>;   // (rows, width)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  let size = params.rows * params.width;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < size; i += stride) {
    y[i] = src[order[params.start + i / params.width] * params.width + i % params.width];
  }
}
