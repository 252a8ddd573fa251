// Scales gradients by a factor that the GPU has computed, or cuts every element to a range.
import package::lib::index::{linear_group, group_count};
import package::lib::gradients::{params, chunk_of, is_padding, INFINITE};

@group(0) @binding(2) var<storage, read_write> grad: array<vec4f>;
@group(0) @binding(3) var<storage, read> factor: array<f32>; // (1)
override WORKGROUP: u32 = 64;
// false: times the factor; true: into [-limit, limit].
override VALUES: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let scale = factor[0];
  if (!VALUES && scale == 1.0) { return; }
  for (var n = linear_group(wid, nwg); n < params.chunks; n += group_count(nwg)) {
    let chunk = chunk_of(n);
    for (var i = thread; i < chunk.vectors; i += WORKGROUP) {
      let x = grad[chunk.start + i];
      var clipped = x * scale;
      if (VALUES) {
        // Compared as bits, so that NaN stays.
        let bits = bitcast<vec4u>(x) & vec4u(0x7fffffffu);
        clipped = select(x, sign(x) * params.limit, (bits > vec4u(bitcast<u32>(params.limit))) & (bits <= vec4u(INFINITE)));
      }
      // A gradient that is a view may have neighbours behind its last element.
      grad[chunk.start + i] = select(clipped, x, is_padding(i, chunk));
    }
  }
}
