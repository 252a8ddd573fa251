// Where each element of src goes in y, when places along the middle dim are every element's own; y's size for nowhere.
import package::lib::index::{linear_group, group_count};

struct Params { size: u32, count: u32, length: u32, inner: u32, nowhere: u32 } // size: outer * count * inner
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<u32>;      // (outer, count, inner)
@group(0) @binding(2) var<storage, read_write> keys: array<u32>; // (outer, count, inner)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let row = i / params.inner / params.count * params.length + index[i];
    keys[i] = select(params.nowhere, row * params.inner + i % params.inner, index[i] < params.length);
  }
}
