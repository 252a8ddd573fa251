// One stage of a reduction: x (outer, reduced, inner) to y (outer, parts, inner), each thread reducing one part in
// fixed order. No barriers: a second stage joins the parts.
import package::lib::elementary::is_nan;
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params {
  outputs: u32,  // outer * parts * inner
  reduced: u32,
  inner: u32,
  parts: u32,
  first: u32,    // a part starts at element part * first,
  step: u32,     // takes every step-th element,
  most: u32,     // and at most this many
  scale: f32,    // multiplies the result: 1/n makes a mean
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, reduced, inner)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (outer, parts, inner)
// 0: sum. 1: product. 2: max. 3: min.
override KIND: u32 = 0;
// 0: f32. 1: i32. 2: u32.
override DTYPE: u32 = 0;
const BLOCK = 32u;

fn join_float(a: f32, b: f32) -> f32 {
  if (KIND == 0u) { return a + b; }
  if (KIND == 1u) { return a * b; }
  // NaN wins: comparisons with it are false in either direction.
  let pick = select((b < a), (b > a), KIND == 2u);
  return select(a, b, pick || is_nan(b));
}

fn join(a: u32, b: u32) -> u32 {
  if (DTYPE == 0u) { return bitcast<u32>(join_float(bitcast<f32>(a), bitcast<f32>(b))); }
  if (KIND == 0u) { return a + b; }
  if (KIND == 1u) { return a * b; }
  let larger = select((b > a), (bitcast<i32>(b) > bitcast<i32>(a)), DTYPE == 1u);
  let smaller = select((b < a), (bitcast<i32>(b) < bitcast<i32>(a)), DTYPE == 1u);
  return select(a, b, select(smaller, larger, KIND == 2u));
}

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.outputs; i += stride) {
    let column = i % params.inner;
    let part = (i / params.inner) % params.parts;
    let row = i / (params.inner * params.parts);
    let start = part * params.first;
    let base = (row * params.reduced + start) * params.inner + column;
    let left = (params.reduced - min(start, params.reduced) + params.step - 1u) / params.step;
    let count = min(params.most, left);
    let apart = params.step * params.inner;
    // Blocks of blocks: the rounding of a long sum grows with their lengths, not with its own.
    var total = 0u;
    for (var at = 0u; at < count; at += BLOCK) {
      var block = x[base + at * apart];
      let end = min(at + BLOCK, count);
      for (var k = at + 1u; k < end; k++) { block = join(block, x[base + k * apart]); }
      if (at == 0u) { total = block; } else { total = join(total, block); }
    }
    if (DTYPE == 0u) { total = bitcast<u32>(bitcast<f32>(total) * params.scale); }
    y[i] = total;
  }
}
