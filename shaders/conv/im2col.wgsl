// Sliding windows of images as columns, so that a convolution is a matmul; 0 outside the image.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params {
  size: u32,      // of columns
  height: u32,
  width: u32,
  outHeight: u32, // windows per column
  outWidth: u32,  // windows per row
  kernelHeight: u32,
  kernelWidth: u32,
  strideY: u32,
  strideX: u32,
  paddingY: u32,
  paddingX: u32,
  dilationY: u32,
  dilationX: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;             // (images * channels, height, width)
@group(0) @binding(2) var<storage, read_write> columns: array<f32>; // (images * channels, kernelHeight * kernelWidth, outHeight * outWidth)
// Consecutive elements that an invocation copies, sharing the divisions that find the first one.
override RUN: u32 = 1;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let runs = (params.size + RUN - 1u) / RUN;
  for (var run = first_item(invocation); run < runs; run += stride) {
    let end = min(run * RUN + RUN, params.size);
    var i = run * RUN;
    while (i < end) {
      let row = i / params.outWidth;
      let column = i % params.outWidth;
      let tap = row / params.outHeight;
      let tapRow = tap / params.kernelWidth;
      // Before the image these wrap to huge numbers, which fail the test below.
      var left = column * params.strideX + (tap % params.kernelWidth) * params.dilationX - params.paddingX;
      let top = (row % params.outHeight) * params.strideY + (tapRow % params.kernelHeight) * params.dilationY - params.paddingY;
      let first = (tapRow / params.kernelHeight * params.height + top) * params.width;
      let rowEnd = min(end, i + params.outWidth - column);
      for (; i < rowEnd; i++) {
        let inside = left < params.width && top < params.height;
        columns[i] = select(0.0, x[select(0u, first + left, inside)], inside);
        left += params.strideX;
      }
    }
  }
}
