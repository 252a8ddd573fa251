// Elements of x (outer, length, inner) at places along the middle dim: places of every element's own, or one list for all.
import package::lib::index::{linear_group, group_count};

struct Params {
  size: u32,    // of y: outer * count * inner
  count: u32,   // places per line
  length: u32,
  inner: u32,
  faultCode: i32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, length, inner)
@group(0) @binding(2) var<storage, read> index: array<u32>;   // (outer, count, inner), or (count) when SHARED
@group(0) @binding(3) var<storage, read_write> y: array<u32>; // (outer, count, inner): 0 for an index out of range
@group(0) @binding(4) var<storage, read_write> faults: array<i32>;
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
    let at = select(i, line % params.count, SHARED);
    let place = index[at];
    if (place >= params.length) {
      faults[0] = params.faultCode;
      faults[1] = i32(at);
      faults[2] = i32(place);
      faults[3] = i32(params.length);
    }
    let row = (line / params.count) * params.length + min(place, params.length - 1u);
    y[i] = select(0u, x[row * params.inner + i % params.inner], place < params.length);
  }
}
