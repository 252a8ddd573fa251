// One batch of byte data: row order[start + i] of src becomes row i of y, four elements per invocation.
// @bytes 2 * written
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { start: u32, rows: u32, width: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;         // (samples, width) bytes, four to a word
@group(0) @binding(2) var<storage, read> order: array<u32>;       // (samples)
@group(0) @binding(3) var<storage, read_write> y: array<vec4u>;   // (rows, width), the bits of f32 or i32
// true: integers; false: floats in [0, 1].
override INTEGER: bool = false;
// The width is a multiple of 4, so that no word straddles two rows.
override ALIGNED: bool = false;

/** Offset in `src` of an element of y. */
fn offset_of(element: u32) -> u32 {
  return order[params.start + element / params.width] * params.width + element % params.width;
}

fn byte_at(element: u32) -> u32 {
  let offset = offset_of(element);
  return extractBits(src[offset / 4u], 8u * (offset % 4u), 8u);
}

fn four_at(element: u32) -> vec4u {
  if (ALIGNED) {
    return (vec4u(src[offset_of(element) / 4u]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
  }
  return vec4u(byte_at(element), byte_at(element + 1u), byte_at(element + 2u), byte_at(element + 3u));
}

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let vectors = (params.rows * params.width + 3u) / 4u;
  for (var i = first_item(invocation); i < vectors; i += stride) {
    let values = four_at(4u * i);
    y[i] = select(bitcast<vec4u>(vec4f(values) / 255.0), values, INTEGER);
  }
}
