// Sorts each block of a list of places by counting, for every one, those that come before it: equal ones keep their order.
import package::lib::index::{linear_group, group_count};

struct Params { count: u32, block: u32 } // block: a multiple of 4
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<vec4u>;      // (count)
@group(0) @binding(2) var<storage, read_write> sorted: array<u32>; // (count)
@group(0) @binding(3) var<storage, read_write> order: array<u32>;  // (count): where each of `sorted` stood in `index`
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.count; i += stride) {
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
