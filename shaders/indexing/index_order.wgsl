// Stable sort of each block of a list: a key's rank is the number of keys in the block that come before it.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { count: u32, block: u32 } // block: a multiple of 4
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<vec4u>;      // (count)
@group(0) @binding(2) var<storage, read_write> sorted: array<u32>; // (count)
@group(0) @binding(3) var<storage, read_write> order: array<u32>;  // (count): offset in `index` of each of `sorted`

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.count; i += stride) {
    let first = i - i % params.block;
    let vectors = (min(first + params.block, params.count) + 3u) / 4u;
    let key = index[i / 4u][i % 4u];
    var before = vec4u();
    for (var k = first / 4u; k < vectors; k++) {
      let at = vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u);
      let other = index[k];
      let less = other < vec4u(key);
      let tied = (other == vec4u(key)) & (at < vec4u(i));
      before += select(vec4u(), vec4u(1u), (less | tied) & (at < vec4u(params.count)));
    }
    let rank = first + before.x + before.y + before.z + before.w;
    sorted[rank] = key;
    order[rank] = i;
  }
}
