// Params of the depthwise convolution kernels.

struct Params {
  strips: u32, // work items: four neighbors in a row, or one tap over a part of the images
  images: u32,
  partImages: u32, // images per work item of the gradient of the weight
  channels: u32,
  filters: u32, // per channel
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
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

/** Columns of four neighbors. */
fn columns_from(first: u32) -> vec4u { return first + vec4u(0u, 1u, 2u, 3u); }
