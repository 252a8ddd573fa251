// Merges groups of WAYS sorted runs, stably: binary searches give for every key the number of keys of the other runs
// before it.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

const WAYS = 4u;

struct Params { count: u32, width: u32 } // width: elements of a run
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted: array<u32>;       // (count), in runs
@group(0) @binding(2) var<storage, read> order: array<u32>;        // (count)
@group(0) @binding(3) var<storage, read_write> merged: array<u32>; // (count), in runs of WAYS times the width
@group(0) @binding(4) var<storage, read_write> moved: array<u32>;  // (count): the order of `merged`

/** The number of keys of a run that come before `key`; of equal keys, those of earlier runs do. */
fn keys_before(key: u32, run: u32, isEarlier: bool) -> u32 {
  let first = min(run * params.width, params.count);
  var low = first;
  var high = min(first + params.width, params.count);
  for (var step = 0u; step < 32u && low < high; step++) {
    let middle = (low + high) / 2u;
    let comes = sorted[middle] < key || (isEarlier && sorted[middle] == key);
    if (comes) { low = middle + 1u; } else { high = middle; }
  }
  return low - first;
}

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.count; i += stride) {
    let run = i / params.width;
    let firstRun = run - run % WAYS;
    let key = sorted[i];
    var rank = firstRun * params.width + i % params.width;
    for (var way = 0u; way < WAYS; way++) {
      let other = firstRun + way;
      if (other != run) { rank += keys_before(key, other, other < run); }
    }
    merged[rank] = key;
    moved[rank] = order[i];
  }
}
