// Where each place begins in a sorted list of places: a binary search for every one of 0..length.
import package::lib::index::{linear_group, group_count};

struct Params { count: u32, length: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted: array<u32>;       // (count)
@group(0) @binding(2) var<storage, read_write> starts: array<u32>; // (length + 1)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i <= params.length; i += stride) {
    var low = 0u;
    var high = params.count;
    for (var step = 0u; step < 32u && low < high; step++) {
      let middle = (low + high) / 2u;
      if (sorted[middle] < i) { low = middle + 1u; } else { high = middle; }
    }
    starts[i] = low;
  }
}
