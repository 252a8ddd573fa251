// Params of the pooling kernels, and the ranges of elements in a window and of windows over an element.

struct Params {
  size: u32, // of the output
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
}
@group(0) @binding(0) var<uniform> params: Params;

/** The range [first, end) of a window's elements inside the image; `at` counts from the padding's edge. */
fn elements_of(at: u32, kernel: u32, padding: u32, size: u32) -> vec2u {
  return vec2u(max(at, padding) - padding, min(at + kernel - padding, size));
}

/** The range [first, end) of the windows that contain an element; `at` counts from the padding's edge. */
fn windows_at(at: u32, kernel: u32, stride: u32, windows: u32) -> vec2u {
  let first = select((at - kernel) / stride + 1u, 0u, at < kernel);
  return vec2u(first, min(at / stride + 1u, windows));
}
