// Merges neighbouring sorted runs: every key finds by bisection how many of the other run come before it, equal ones in order.
import package::lib::index::{linear_group, group_count};

struct Params { count: u32, width: u32 } // width: of a run
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted: array<u32>;       // (count), in runs
@group(0) @binding(2) var<storage, read> order: array<u32>;        // (count)
@group(0) @binding(3) var<storage, read_write> merged: array<u32>; // (count), in runs of twice the width
@group(0) @binding(4) var<storage, read_write> moved: array<u32>;  // (count): the order of `merged`
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.count; i += stride) {
    let run = i / params.width;
    let isLeft = run % 2u == 0u;
    let other = min((run ^ 1u) * params.width, params.count);
    let key = sorted[i];
    var low = other;
    var high = min(other + params.width, params.count);
    for (var step = 0u; step < 32u && low < high; step++) {
      let middle = (low + high) / 2u;
      let comes = sorted[middle] < key || (!isLeft && sorted[middle] == key);
      if (comes) { low = middle + 1u; } else { high = middle; }
    }
    // Of the right run all keys of the left one before it are already in i.
    let place = select(i - params.width, i, isLeft) + low - other;
    merged[place] = key;
    moved[place] = order[i];
  }
}
