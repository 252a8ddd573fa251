// The norm of gradients, first half: one pair per invocation over all that it visits.
import package::lib::index::{linear_group, group_count};
import package::lib::gradients::{params, Chunk, chunk_of, is_padding, Part, exponent_of, power_of_two, to_power, merge};

@group(0) @binding(2) var<storage, read> grad: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec2u>; // (all workgroups, WORKGROUP): largest, sum
override WORKGROUP: u32 = 64;

/** A vector of a chunk, its padding made 0. */
fn load(i: u32, chunk: Chunk) -> vec4f { return select(grad[chunk.start + i], vec4f(), is_padding(i, chunk)); }

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  var part = Part(0u, 0.0);
  for (var n = linear_group(wid, nwg); n < params.chunks; n += group_count(nwg)) {
    let chunk = chunk_of(n);
    var largest = vec4u();
    for (var i = thread; i < chunk.vectors; i += WORKGROUP) {
      largest = max(largest, bitcast<vec4u>(load(i, chunk)) & vec4u(0x7fffffffu));
    }
    let most = max(max(largest.x, largest.y), max(largest.z, largest.w));
    let scale = power_of_two(-exponent_of(most));
    var sum = vec4f();
    for (var i = thread; i < chunk.vectors; i += WORKGROUP) {
      sum += to_power(abs(load(i, chunk)) * scale, params.power);
    }
    part = merge(part, Part(most, sum.x + sum.y + sum.z + sum.w), params.power);
  }
  partial[params.partials + linear_group(wid, nwg) * WORKGROUP + thread] = vec2u(part.largest, bitcast<u32>(part.sum));
}
