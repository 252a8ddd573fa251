// Copies a dense slice, or adds it in place, four words at a time.
import package::lib::index::{linear_group, group_count};

struct Params { vectors: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<vec4f>;       // (vectors)
@group(0) @binding(2) var<storage, read_write> dst: array<vec4f>; // (vectors)
override WORKGROUP: u32 = 64;
// false: dst = src; true: dst += src.
override ADD: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.vectors; i += stride) {
    if (ADD) {
      dst[i] += src[i];
    } else {
      dst[i] = src[i];
    }
  }
}
