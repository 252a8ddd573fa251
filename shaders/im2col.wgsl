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

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let row = i / params.outWidth;
    let tap = row / params.outHeight;
    let tapRow = tap / params.kernelWidth;
    // Before the image these wrap to huge numbers, which fail the test below.
    let left = (i % params.outWidth) * params.strideX + (tap % params.kernelWidth) * params.dilationX - params.paddingX;
    let top = (row % params.outHeight) * params.strideY + (tapRow % params.kernelHeight) * params.dilationY - params.paddingY;
    let image = tapRow / params.kernelHeight;
    let inside = left < params.width && top < params.height;
    let at = select(0u, (image * params.height + top) * params.width + left, inside);
    columns[i] = select(0.0, x[at], inside);
  }
}
