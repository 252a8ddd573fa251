// The loss scale after a step: smaller where any flag is up, larger after growthInterval steps without; the flags go down. One invocation.

struct Params { optimizers: u32, growthInterval: u32, growthFactor: f32, backoffFactor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> flags: array<u32>;   // (optimizers)
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;   // (1)
@group(0) @binding(3) var<storage, read_write> tracker: array<u32>; // (1): steps since the scale changed

@compute @workgroup_size(1)
fn main() {
  var found = 0u;
  for (var i = 0u; i < params.optimizers; i++) {
    found |= flags[i];
    flags[i] = 0u;
  }
  if (found != 0u) {
    scale[0] *= params.backoffFactor;
    tracker[0] = 0u;
    return;
  }
  tracker[0]++;
  if (tracker[0] < params.growthInterval) { return; }
  tracker[0] = 0u;
  let larger = scale[0] * params.growthFactor;
  if ((bitcast<u32>(larger) & 0x7f800000u) != 0x7f800000u) { scale[0] = larger; }
}
