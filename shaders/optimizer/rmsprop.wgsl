// RMSProp for all parameters at once.
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::optimizer::{params, grad, value, chunk_of};

@group(0) @binding(4) var<storage, read_write> squareAvg: array<vec4f>;      // flat state
@group(0) @binding(5) var<storage, read_write> gradAvg: array<vec4f>;        // flat state with CENTERED, else anything
@group(0) @binding(6) var<storage, read_write> momentumBuffer: array<vec4f>; // flat state with MOMENTUM, else anything
override CENTERED: bool = false;
override MOMENTUM: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    let chunk = chunk_of(n);
    // a: lr, decay added to the gradient, 1 - alpha, eps
    // b: momentum
    let alpha = 1.0 - chunk.a.z;
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      let p = value[chunk.value + i];
      let g = grad[chunk.grad + i] + chunk.a.y * p;
      let square = alpha * squareAvg[chunk.state + i] + (chunk.a.z * g) * g;
      squareAvg[chunk.state + i] = square;
      var variance = square;
      if (CENTERED) {
        let m = gradAvg[chunk.state + i];
        let mean = m + chunk.a.z * (g - m);
        gradAvg[chunk.state + i] = mean;
        // Rounding can take the difference below 0, where the root would be NaN.
        variance = max(square - mean * mean, vec4f());
      }
      var change = g / (sqrt(variance) + chunk.a.w);
      if (MOMENTUM) {
        change += chunk.b.x * momentumBuffer[chunk.state + i];
        momentumBuffer[chunk.state + i] = change;
      }
      value[chunk.value + i] = p - chunk.a.x * change;
    }
  }
}
