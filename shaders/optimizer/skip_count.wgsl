// Before a step that a gradient scaler may have an optimizer skip: takes the scaler's flag over, and counts a skipped step
// for each parameter in the optimizer's table.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::optimizer::{ChunkEntry, parameter_index};

struct Params {
  chunks: u32,
  flag: u32,   // which of the scaler's flags
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<ChunkEntry>;  // (chunks)
@group(0) @binding(2) var<storage, read> flags: array<u32>;         // (optimizers)
@group(0) @binding(3) var<storage, read_write> skips: array<u32>;   // (1 + parameters)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let first = first_item(invocation);
  let found = flags[params.flag];
  if (first == 0u) { skips[0] = found; }
  if (found == 0u) { return; }
  for (var i = first; i < params.chunks; i += stride) {
    let parameter = parameter_index(table[i].packed);
    // A parameter's chunks are neighbours: the first of them counts.
    if (i == 0u || parameter_index(table[max(i, 1u) - 1u].packed) != parameter) { skips[1u + parameter]++; }
  }
}
