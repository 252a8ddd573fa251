// Writes one 32-bit pattern over a whole slice: every dtype's zero, and full() of the four-byte dtypes.
import package::lib::index::{linear_group, group_count};

struct Params { vectors: u32, bits: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4u>; // (vectors): the slice's size rounded up to 16 bytes
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  let value = vec4u(params.bits);
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.vectors; i += stride) {
    y[i] = value;
  }
}
