// Running sums along the middle dim of x (outer, length, inner), one invocation per (outer, inner) line.
import package::lib::index::{linear_group, group_count};

struct Params { lines: u32, length: u32, inner: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, length, inner)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (outer, length, inner)
override WORKGROUP: u32 = 64;
// Whole numbers rather than f32.
override INTEGER: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.lines; i += stride) {
    let base = (i / params.inner) * params.length * params.inner + i % params.inner;
    var total = 0u;
    for (var k = 0u; k < params.length; k++) {
      let next = x[base + k * params.inner];
      total = select(bitcast<u32>(bitcast<f32>(total) + bitcast<f32>(next)), total + next, INTEGER);
      y[base + k * params.inner] = total;
    }
  }
}
