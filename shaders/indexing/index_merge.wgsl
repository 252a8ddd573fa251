// Merges pairs of sorted runs, stably: a binary search gives for every key the number of keys of the other run before it.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { count: u32, width: u32 } // width: elements of a run
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted: array<u32>;       // (count), in runs
@group(0) @binding(2) var<storage, read> order: array<u32>;        // (count)
@group(0) @binding(3) var<storage, read_write> merged: array<u32>; // (count), in runs of twice the width
@group(0) @binding(4) var<storage, read_write> moved: array<u32>;  // (count): the order of `merged`

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.count; i += stride) {
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
    // In a right run, i already counts all keys of the left one.
    let rank = select(i - params.width, i, isLeft) + low - other;
    merged[rank] = key;
    moved[rank] = order[i];
  }
}
