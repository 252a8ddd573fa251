// y = x * scale where a random word reaches the threshold, else 0. The words depend on the call and the place alone.
import package::lib::index::{linear_group, group_count};
import package::lib::random::philox;

struct Params { size: u32, threshold: u32, scale: f32, seedLow: u32, seedHigh: u32, call: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;       // (size)
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // (size)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i * 4u < params.size; i += stride) {
    let words = philox(i, params.call, params.seedLow, params.seedHigh);
    y[i] = select(vec4f(0.0), x[i] * params.scale, words >= vec4u(params.threshold));
  }
}
