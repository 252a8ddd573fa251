// The norm of gradients, first half: one pair per workgroup over all that it visits.
import package::lib::gradients::{params, Chunk, chunk_of, is_padding, Part, exponent_of, power_of_two, to_power, merge};
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::norm_parts::merge_group;

@group(0) @binding(2) var<storage, read> grad: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec2u>; // (all workgroups): largest, sum

/** A vector of a chunk, its padding made 0. */
fn load(i: u32, chunk: Chunk) -> vec4f { return select(grad[chunk.start + i], vec4f(), is_padding(i, chunk)); }

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  var part = Part(0u, 0.0);
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    let chunk = chunk_of(n);
    var largest = vec4u();
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      largest = max(largest, bitcast<vec4u>(load(i, chunk)) & vec4u(0x7fffffffu));
    }
    let most = max(max(largest.x, largest.y), max(largest.z, largest.w));
    let scale = power_of_two(-exponent_of(most));
    var sum = vec4f();
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      sum += to_power(abs(load(i, chunk)) * scale, params.power);
    }
    part = merge(part, Part(most, sum.x + sum.y + sum.z + sum.w), params.power);
  }
  part = merge_group(part, invocation.thread, params.power);
  if (invocation.thread == 0u) { partial[params.partials + first_group(invocation)] = vec2u(part.largest, bitcast<u32>(part.sum)); }
}
