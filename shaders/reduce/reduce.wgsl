// One stage of a reduction: x (outer, reduced, inner) to y (outer, parts, inner), each thread reducing one part in
// fixed order. No barriers: a second stage joins the parts.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::reduction::{BLOCK, join, neutral, scaled};

struct Params {
  outputs: u32,  // outer * parts * inner
  reduced: u32,
  inner: u32,
  parts: u32,
  most: u32,     // elements of a part; the last may have fewer
  scale: f32,    // multiplies the result: 1/n makes a mean
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, reduced, inner)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (outer, parts, inner)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.outputs; i += stride) {
    let column = i % params.inner;
    let part = (i / params.inner) % params.parts;
    let row = i / (params.inner * params.parts);
    let start = part * params.most;
    let base = (row * params.reduced + start) * params.inner + column;
    let count = min(params.most, params.reduced - min(start, params.reduced));
    var total = neutral();
    var at = 0u;
    for (; at + BLOCK <= count; at += BLOCK) {
      // Four sums, whose additions need not wait for each other.
      var a = neutral();
      var b = neutral();
      var c = neutral();
      var d = neutral();
      for (var k = at; k < at + BLOCK; k += 4u) {
        let first = base + k * params.inner;
        a = join(a, x[first]);
        b = join(b, x[first + params.inner]);
        c = join(c, x[first + 2u * params.inner]);
        d = join(d, x[first + 3u * params.inner]);
      }
      total = join(total, join(join(a, b), join(c, d)));
    }
    var rest = neutral();
    for (; at < count; at++) { rest = join(rest, x[base + at * params.inner]); }
    total = join(total, rest);
    y[i] = scaled(total, params.scale);
  }
}
