// The adjoint of gather with places of every element's own: each element of y looks for those that go to it, in order.
import package::lib::index::{linear_group, group_count};

struct Params { size: u32, count: u32, length: u32, inner: u32 } // size: outer * length * inner
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;     // (outer, count, inner)
@group(0) @binding(2) var<storage, read> index: array<u32>;   // (outer, count, inner)
@group(0) @binding(3) var<storage, read_write> y: array<u32>; // (outer, length, inner)
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
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let line = i / params.inner;
    let place = line % params.length;
    let first = (line / params.length) * params.count * params.inner + i % params.inner;
    var total = 0u;
    for (var k = 0u; k < params.count; k++) {
      let at = first + k * params.inner;
      if (index[at] == place) {
        total = select(bitcast<u32>(bitcast<f32>(total) + bitcast<f32>(src[at])), total + src[at], INTEGER);
      }
    }
    y[i] = total;
  }
}
