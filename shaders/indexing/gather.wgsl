// Elements of x (outer, length, inner) at places along the middle dim: places of every element's own, or one list for all.
import package::lib::index::{linear_group, group_count};

struct Params {
  size: u32,    // of y: outer * count * inner
  count: u32,   // places per line
  length: u32,
  inner: u32,
  outside: u32, // the bits given for a place that is not in x
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, length, inner)
@group(0) @binding(2) var<storage, read> index: array<u32>;   // (outer, count, inner), or (count) when SHARED
@group(0) @binding(3) var<storage, read_write> y: array<u32>; // (outer, count, inner)
override WORKGROUP: u32 = 64;
override SHARED: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let line = i / params.inner;
    let place = index[select(i, line % params.count, SHARED)];
    let row = (line / params.count) * params.length + min(place, params.length - 1u);
    y[i] = select(params.outside, x[row * params.inner + i % params.inner], place < params.length);
  }
}
