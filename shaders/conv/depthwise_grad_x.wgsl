// Gradient of depthwise's x: an invocation computes four neighbors, each summing over the windows that read it.
import package::lib::depthwise::{Params, params, columns_from};
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

@group(0) @binding(1) var<storage, read> gradY: array<f32>;       // (images, channels * filters, outHeight, outWidth)
@group(0) @binding(2) var<storage, read> weight: array<f32>;      // (channels * filters, 1, kernelHeight, kernelWidth)
@group(0) @binding(3) var<storage, read_write> gradX: array<f32>; // (images, channels, height, width)
// Known when the shader is compiled: dividing by a variable would take most of the time.
override STRIDE_Y: u32 = 1;
override STRIDE_X: u32 = 1;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let strips = (params.width + 3u) / 4u;
  for (var i = first_item(invocation); i < params.strips; i += stride) {
    let first = i % strips * 4u;
    let line = i / strips;
    let plane = line / params.height; // image * channels + channel
    let top = line % params.height + params.paddingY;
    let left = columns_from(first) + params.paddingX;
    var total = vec4f();
    for (var k = 0u; k < params.filters; k++) {
      let output = plane * params.filters + k;
      let taps = output % (params.channels * params.filters) * params.kernelHeight * params.kernelWidth;
      for (var ky = 0u; ky < params.kernelHeight; ky++) {
        // Before the first window these wrap to huge numbers, which fail the tests.
        let y = top - ky * params.dilationY;
        let row = y / STRIDE_Y;
        if (y % STRIDE_Y != 0u || row >= params.outHeight) { continue; }
        let start = (output * params.outHeight + row) * params.outWidth;
        for (var kx = 0u; kx < params.kernelWidth; kx++) {
          let across = left - kx * params.dilationX;
          let column = across / STRIDE_X;
          let inside = (across % STRIDE_X == vec4u()) & (column < vec4u(params.outWidth));
          let at = start + select(vec4u(), column, inside);
          let values = select(vec4f(), vec4f(gradY[at.x], gradY[at.y], gradY[at.z], gradY[at.w]), inside);
          total += weight[taps + ky * params.kernelWidth + kx] * values;
        }
      }
    }
    let end = min(4u, params.width - first);
    for (var k = 0u; k < end; k++) { gradX[line * params.width + first + k] = total[k]; }
  }
}
