// Before a step that a gradient scaler may have an optimizer skip: takes the scaler's flag over, and counts a skipped step
// for each parameter in the optimizer's table.
import package::lib::index::{linear_group, group_count};

struct Params {
  pieces: u32,
  flag: u32,   // which of the scaler's flags
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<vec4u>;       // (pieces): see lib/optimizer.wgsl
@group(0) @binding(2) var<storage, read> flags: array<u32>;         // (optimizers)
@group(0) @binding(3) var<storage, read_write> skips: array<u32>;   // (1 + parameters)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  let first = linear_group(wid, nwg) * WORKGROUP + lane;
  let found = flags[params.flag];
  if (first == 0u) { skips[0] = found; }
  if (found == 0u) { return; }
  for (var i = first; i < params.pieces; i += stride) {
    let parameter = table[i].w >> 15u;
    // A parameter's pieces are neighbours: the first of them counts.
    if (i == 0u || table[max(i, 1u) - 1u].w >> 15u != parameter) { skips[1u + parameter]++; }
  }
}
