// Fills with random numbers, four per Philox block.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::random::{philox, to_unit, to_normal, erf_inverse};

struct Params {
  kind: u32, // 0: uniform in [a, b). 1: normal, mean a, std b. 2: integers in [a, b).
  size: u32, a: f32, b: f32, seedLow: u32, seedHigh: u32, call: u32,
  low: f32, high: f32,       // TRUNCATED: bounds of the normal distribution,
  cdfLow: f32, cdfHigh: f32, // and erf((bound - a) / (b sqrt(2))) of each
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>; // (size), the bits of an f32 or an integer
// Normal between low and high: a separate pipeline, since the code is long.
override TRUNCATED: bool = false;
override INTEGER: bool = false;

// Inverse transform sampling: no draw is rejected, however narrow the bounds.
fn truncated(words: vec4u) -> vec4f {
  let u = to_unit(words) * (params.cdfHigh - params.cdfLow) + params.cdfLow;
  let normal = 1.4142135624 * vec4f(erf_inverse(u.x), erf_inverse(u.y), erf_inverse(u.z), erf_inverse(u.w));
  return clamp(normal * params.b + params.a, vec4f(params.low), vec4f(params.high));
}

fn draw(block: u32) -> vec4f {
  let words = philox(block, params.call, params.seedLow, params.seedHigh);
  if (TRUNCATED) {
    return truncated(words);
  }
  if (params.kind == 1u) {
    return to_normal(words) * params.b + params.a;
  }
  // Rounding may give b itself, which lies outside the half-open range.
  let scaled = to_unit(words) * (params.b - params.a) + params.a;
  if (params.kind == 2u) {
    return min(floor(scaled), vec4f(params.b - 1.0));
  }
  return select(scaled, vec4f(params.a), scaled >= vec4f(params.b));
}

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i * 4u < params.size; i += stride) {
    let value = draw(i);
    for (var k = 0u; k < 4u; k++) {
      let at = i * 4u + k;
      if (at < params.size) {
        y[at] = select(bitcast<u32>(value[k]), u32(i32(value[k])), INTEGER);
      }
    }
  }
}
