// Divides gradients by the loss scale, and raises a flag where one is not finite.
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::gradients::{params, chunk_of, is_padding, INFINITE};

@group(0) @binding(2) var<storage, read_write> grad: array<vec4f>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;               // (1)
@group(0) @binding(4) var<storage, read_write> flags: array<atomic<u32>>; // (optimizers); `partials` says which

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let factor = 1.0 / scale[0];
  var found = false;
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    let chunk = chunk_of(n);
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      let x = grad[chunk.start + i];
      let isPadding = is_padding(i, chunk);
      // By exponent bits: comparisons with infinity may be folded away.
      let isLost = (bitcast<vec4u>(x) & vec4u(INFINITE)) == vec4u(INFINITE);
      found = found || any(isLost & !isPadding);
      grad[chunk.start + i] = select(x * factor, x, isPadding);
    }
  }
  if (found) { atomicOr(&flags[params.partials], 1u); }
}
