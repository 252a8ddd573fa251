// Scales gradients by a factor that the GPU has computed, or cuts every element to a range.
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::gradients::{params, chunk_of, is_padding, INFINITE};

@group(0) @binding(2) var<storage, read_write> grad: array<vec4f>;
@group(0) @binding(3) var<storage, read> factor: array<f32>; // (1)
// false: times the factor; true: into [-limit, limit].
override VALUES: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let scale = factor[0];
  if (!VALUES && scale == 1.0) { return; }
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    let chunk = chunk_of(n);
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
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
