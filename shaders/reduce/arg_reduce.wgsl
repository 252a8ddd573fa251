// The index of the largest or smallest element along the middle dim of x (outer, reduced, inner); the first of equal ones.
import package::lib::elementary::is_nan;
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { outputs: u32, reduced: u32, inner: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, reduced, inner)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (outer, inner)
override LARGEST: bool = true;
// 0: f32. 1: i32. 2: u32.
override DTYPE: u32 = 0;

/** A word whose unsigned order is the order of the values; NaN wins for either extreme. */
fn sortable(word: u32) -> u32 {
  if (DTYPE == 2u) { return word; }
  if (DTYPE == 1u) { return word ^ 0x80000000u; }
  let plus = select(word, 0u, word == 0x80000000u);
  return select(select(plus | 0x80000000u, ~plus, plus >> 31u == 1u), select(0u, 0xffffffffu, LARGEST), is_nan(bitcast<f32>(word)));
}

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.outputs; i += stride) {
    let base = (i / params.inner) * params.reduced * params.inner + i % params.inner;
    var best = 0u;
    var key = sortable(x[base]);
    for (var k = 1u; k < params.reduced; k++) {
      let other = sortable(x[base + k * params.inner]);
      let better = select((other < key), (other > key), LARGEST);
      best = select(best, k, better);
      key = select(key, other, better);
    }
    y[i] = best;
  }
}
