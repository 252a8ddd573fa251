// The windows of images as columns, so that a convolution is a matrix product; what lies outside is 0.
import package::lib::index::{linear_group, group_count};

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
override WORKGROUP: u32 = 64;
// Neighbours that an invocation copies: the divisions that find its place are done once for all of them.
override RUN: u32 = 1;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  let runs = (params.size + RUN - 1u) / RUN;
  for (var run = linear_group(wid, nwg) * WORKGROUP + lane; run < runs; run += stride) {
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
