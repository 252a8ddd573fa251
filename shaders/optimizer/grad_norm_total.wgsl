// The norm of gradients, second half: all pairs to the norm, and to the factor that brings it down to a limit. One workgroup.
import package::lib::gradients::{Part, exponent_of, power_of_two, merge, INFINITE};
import package::lib::grid::WORKGROUP;
import package::lib::norm_parts::merge_group;

struct TotalParams {
  count: u32,
  power: f32, // p of the norm, 0 for the largest magnitude
  limit: f32, // of the norm
}
@group(0) @binding(0) var<uniform> totals: TotalParams;
@group(0) @binding(1) var<storage, read> partial: array<vec2u>;    // (count)
@group(0) @binding(2) var<storage, read_write> norm: array<u32>;   // (1): bits, since it may not be finite
@group(0) @binding(3) var<storage, read_write> factor: array<f32>; // (1)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32) {
  var part = Part(0u, 0.0);
  for (var i = thread; i < totals.count; i += WORKGROUP) {
    let other = partial[i];
    part = merge(part, Part(other.x, bitcast<f32>(other.y)), max(totals.power, 1.0));
  }
  part = merge_group(part, thread, max(totals.power, 1.0));
  if (thread != 0u) { return; }
  var bits = part.largest;
  if (bits < INFINITE && totals.power > 0.0 && bits > 0u) {
    let root = select(pow(part.sum, 1.0 / totals.power), sqrt(part.sum), totals.power == 2.0);
    bits = bitcast<u32>(select(root, part.sum, totals.power == 1.0) * power_of_two(exponent_of(part.largest)));
  }
  norm[0] = bits;
  // 1 leaves the gradients as they are: so they are too when the norm is not finite, which no factor can mend.
  factor[0] = 1.0;
  if (bits < INFINITE) { factor[0] = min(1.0, totals.limit / (bitcast<f32>(bits) + 1e-6)); }
}
