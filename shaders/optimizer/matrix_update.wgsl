// For optimizers that treat matrices as matrices: those move along a direction made beforehand, all else by AdamW.
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::optimizer::{params, grad, value, chunk_of, bias_correction_ratio};

@group(0) @binding(4) var<storage, read> direction: array<vec4f>;      // flat state with MATRIX, else anything
@group(0) @binding(5) var<storage, read_write> expAvg: array<vec4f>;   // flat state without MATRIX, else anything
@group(0) @binding(6) var<storage, read_write> expAvgSq: array<vec4f>; // flat state without MATRIX, else anything
override MATRIX: bool = true;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    var chunk = chunk_of(n);
    // a: 1 - beta1, 1 - beta2, 1 / sqrt(1 - beta2^t), factor on the parameter
    // b: lr, lr / (1 - beta1^t), eps
    if (chunk.skipped > 0.0) {
      chunk.b.y *= bias_correction_ratio(chunk, chunk.a.x);
      chunk.a.z *= sqrt(bias_correction_ratio(chunk, chunk.a.y));
    }
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      let p = chunk.a.w * value[chunk.value + i];
      if (MATRIX) {
        value[chunk.value + i] = p - chunk.b.x * direction[chunk.state + i];
        continue;
      }
      let g = grad[chunk.grad + i];
      let m = expAvg[chunk.state + i];
      let mean = m + chunk.a.x * (g - m);
      let square = (1.0 - chunk.a.y) * expAvgSq[chunk.state + i] + (chunk.a.y * g) * g;
      expAvg[chunk.state + i] = mean;
      expAvgSq[chunk.state + i] = square;
      value[chunk.value + i] = p - chunk.b.y * (mean / (sqrt(square) * chunk.a.z + chunk.b.z));
    }
  }
}
