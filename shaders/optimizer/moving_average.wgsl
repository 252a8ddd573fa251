// mean += rate (x - mean). Values of x that are not finite are left out.
import package::lib::index::{linear_group, group_count};

struct Params { vectors: u32, rate: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;         // (vectors)
@group(0) @binding(2) var<storage, read_write> mean: array<vec4f>; // (vectors)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + thread; i < params.vectors; i += stride) {
    let old = mean[i];
    let finite = (bitcast<vec4u>(x[i]) & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
    mean[i] = select(old, old + params.rate * (x[i] - old), finite);
  }
}
