// Adam and AdamW for all parameters at once. Both kinds of decay are always there, one of them idle: without decay the two
// optimizers are the same instructions, so the same bits.
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::optimizer::{params, grad, value, chunk_of, bias_correction_ratio};

@group(0) @binding(4) var<storage, read_write> expAvg: array<vec4f>;      // flat state
@group(0) @binding(5) var<storage, read_write> expAvgSq: array<vec4f>;    // flat state
@group(0) @binding(6) var<storage, read_write> maxExpAvgSq: array<vec4f>; // flat state with AMSGRAD, else anything
override AMSGRAD: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    var chunk = chunk_of(n);
    // a: 1 - beta1, 1 - beta2, decay added to the gradient, factor on the parameter
    // b: lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), eps
    if (chunk.skipped > 0.0) {
      chunk.b.x *= bias_correction_ratio(chunk, chunk.a.x);
      chunk.b.y *= sqrt(bias_correction_ratio(chunk, chunk.a.y));
    }
    let beta2 = 1.0 - chunk.a.y;
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      let p = value[chunk.value + i];
      let g = grad[chunk.grad + i] + chunk.a.z * p;
      let m = expAvg[chunk.state + i];
      let mean = m + chunk.a.x * (g - m);
      let square = beta2 * expAvgSq[chunk.state + i] + (chunk.a.y * g) * g;
      expAvg[chunk.state + i] = mean;
      expAvgSq[chunk.state + i] = square;
      var largest = square;
      if (AMSGRAD) {
        largest = max(maxExpAvgSq[chunk.state + i], square);
        maxExpAvgSq[chunk.state + i] = largest;
      }
      value[chunk.value + i] = chunk.a.w * p - chunk.b.x * (mean / (sqrt(largest) * chunk.b.y + chunk.b.z));
    }
  }
}
