// Depthwise convolution: every channel has its own filters. An invocation computes four neighbors of y.
import package::lib::depthwise::{Params, params, columns_from};
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

@group(0) @binding(1) var<storage, read> x: array<f32>;       // (images, channels, height, width)
@group(0) @binding(2) var<storage, read> weight: array<f32>;  // (channels * filters, 1, kernelHeight, kernelWidth)
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // (images, channels * filters, outHeight, outWidth)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let strips = (params.outWidth + 3u) / 4u;
  for (var i = first_item(invocation); i < params.strips; i += stride) {
    let first = i % strips * 4u;
    let line = i / strips;
    let plane = line / params.outHeight; // image * channels * filters + output
    let top = line % params.outHeight * params.strideY - params.paddingY;
    let left = columns_from(first) * params.strideX - params.paddingX;
    let taps = plane % (params.channels * params.filters) * params.kernelHeight * params.kernelWidth;
    var total = vec4f();
    for (var ky = 0u; ky < params.kernelHeight; ky++) {
      // Before the image rows and columns wrap to huge numbers, which fail these tests.
      let row = top + ky * params.dilationY;
      if (row >= params.height) { continue; }
      let start = (plane / params.filters * params.height + row) * params.width;
      for (var kx = 0u; kx < params.kernelWidth; kx++) {
        let column = left + kx * params.dilationX;
        let inside = column < vec4u(params.width);
        let at = start + select(vec4u(), column, inside);
        let values = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
        total += weight[taps + ky * params.kernelWidth + kx] * values;
      }
    }
    let end = min(4u, params.outWidth - first);
    for (var k = 0u; k < end; k++) { y[line * params.outWidth + first + k] = total[k]; }
  }
}
