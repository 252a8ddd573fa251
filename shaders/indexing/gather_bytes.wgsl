// One batch of byte data: row order[start + i] of src becomes row i of y, four elements per invocation.
import package::lib::index::{linear_group, group_count};

struct Params { start: u32, rows: u32, width: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;         // (samples, width) bytes, four to a word
@group(0) @binding(2) var<storage, read> order: array<u32>;       // (samples)
@group(0) @binding(3) var<storage, read_write> y: array<vec4u>;   // (rows, width), the bits of f32 or i32
override WORKGROUP: u32 = 64;
// true: whole numbers; false: floats in [0, 1].
override INTEGER: bool = false;
// The width is a multiple of four, so that no word straddles two rows.
override ALIGNED: bool = false;

fn place_of(element: u32) -> u32 {
  return order[params.start + element / params.width] * params.width + element % params.width;
}

fn byte_at(element: u32) -> u32 {
  let place = place_of(element);
  return extractBits(src[place / 4u], 8u * (place % 4u), 8u);
}

fn four_at(element: u32) -> vec4u {
  if (ALIGNED) {
    return (vec4u(src[place_of(element) / 4u]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
  }
  return vec4u(byte_at(element), byte_at(element + 1u), byte_at(element + 2u), byte_at(element + 3u));
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  let vectors = (params.rows * params.width + 3u) / 4u;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < vectors; i += stride) {
    let values = four_at(4u * i);
    y[i] = select(bitcast<vec4u>(vec4f(values) / 255.0), values, INTEGER);
  }
}
