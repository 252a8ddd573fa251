// Gradient of depthwise's weight: an invocation sums one tap over a part of the images, row by row.
import package::lib::depthwise::{Params, params};
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

@group(0) @binding(1) var<storage, read> gradY: array<f32>;            // (images, channels * filters, outHeight, outWidth)
@group(0) @binding(2) var<storage, read> x: array<f32>;                // (images, channels, height, width)
@group(0) @binding(3) var<storage, read_write> gradWeight: array<f32>; // (parts, channels * filters, 1, kernelHeight, kernelWidth)

/** The range [first, end) of the windows whose tap lies inside an image of `size`. */
fn windows_inside(tap: i32, size: u32, windows: u32, stride: u32) -> vec2u {
  let start = max(-tap, 0);
  let end = max(i32(size) - tap, 0);
  let both = (vec2u(u32(start), u32(end)) + stride - 1u) / stride;
  return min(both, vec2u(windows));
}

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let taps = params.kernelHeight * params.kernelWidth;
  let outputs = params.channels * params.filters;
  for (var i = first_item(invocation); i < params.strips; i += stride) {
    let tapY = i32(i % taps / params.kernelWidth * params.dilationY) - i32(params.paddingY);
    let tapX = i32(i % params.kernelWidth * params.dilationX) - i32(params.paddingX);
    let output = i / taps % outputs;
    let part = i / (taps * outputs) * params.partImages;
    let rows = windows_inside(tapY, params.height, params.outHeight, params.strideY);
    let columns = windows_inside(tapX, params.width, params.outWidth, params.strideX);
    var total = 0.0;
    for (var image = part; image < min(part + params.partImages, params.images); image++) {
      let plane = image * params.channels + output / params.filters;
      var imageTotal = 0.0;
      for (var row = rows.x; row < rows.y; row++) {
        let start = ((image * outputs + output) * params.outHeight + row) * params.outWidth;
        let line = plane * params.height + row * params.strideY + u32(tapY);
        let corner = line * params.width + u32(tapX);
        var rowTotal = 0.0;
        for (var column = columns.x; column < columns.y; column++) {
          rowTotal += gradY[start + column] * x[corner + column * params.strideX];
        }
        imageTotal += rowTotal;
      }
      total += imageTotal;
    }
    gradWeight[i] = total;
  }
}
