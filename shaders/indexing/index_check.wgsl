// Reports an index that is neither in range nor the one to ignore.
import package::lib::index::{linear_group, group_count};

struct Params { size: u32, length: u32, ignored: i32, faultCode: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<i32>;        // (size)
@group(0) @binding(2) var<storage, read_write> faults: array<i32>; // (4): code, where, index, length
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let place = index[i];
    if (u32(place) >= params.length && place != params.ignored) {
      faults[0] = params.faultCode;
      faults[1] = i32(i);
      faults[2] = place;
      faults[3] = i32(params.length);
    }
  }
}
