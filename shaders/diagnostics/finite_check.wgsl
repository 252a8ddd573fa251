// Raises a flag when any element is infinite or NaN, by exponent bits: comparisons with infinity may be folded away.
import package::lib::index::{linear_group, group_count};

struct Params { size: u32, slot: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;                    // (size), as f32 bits
@group(0) @binding(2) var<storage, read_write> flags: array<atomic<u32>>;  // one per checked tensor
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  var found = false;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    found = found || (x[i] & 0x7f800000u) == 0x7f800000u;
  }
  if (found) { atomicOr(&flags[params.slot], 1u); }
}
