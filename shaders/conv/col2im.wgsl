// Adjoint of im2col: every element of an image sums the elements of the columns that it was copied to, in order.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params {
  size: u32,      // of x
  height: u32,
  width: u32,
  outHeight: u32, // windows per column
  outWidth: u32,  // windows per row
  kernelHeight: u32,
  kernelWidth: u32,
  paddingY: u32,
  paddingX: u32,
  dilationY: u32,
  dilationX: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> columns: array<f32>; // (images * channels, kernelHeight * kernelWidth, outHeight * outWidth)
@group(0) @binding(2) var<storage, read_write> x: array<f32>; // (images * channels, height, width)
// Known when the shader is compiled: dividing by a variable would take most of the time.
override STRIDE_Y: u32 = 1;
override STRIDE_X: u32 = 1;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let line = i / params.width;
    let left = i % params.width + params.paddingX;
    let top = line % params.height + params.paddingY;
    let firstTap = line / params.height * params.kernelHeight * params.kernelWidth;
    var total = 0.0;
    for (var ky = 0u; ky < params.kernelHeight; ky++) {
      // Before the first window this wraps to a huge number, which fails the test.
      let y = top - ky * params.dilationY;
      let row = y / STRIDE_Y;
      if (y % STRIDE_Y != 0u || row >= params.outHeight) { continue; }
      let start = ((firstTap + ky * params.kernelWidth) * params.outHeight + row) * params.outWidth;
      for (var kx = 0u; kx < params.kernelWidth; kx++) {
        let across = left - kx * params.dilationX;
        let column = across / STRIDE_X;
        if (across % STRIDE_X == 0u && column < params.outWidth) {
          total += columns[start + kx * params.outHeight * params.outWidth + column];
        }
      }
    }
    x[i] = total;
  }
}
