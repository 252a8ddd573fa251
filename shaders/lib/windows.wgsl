// The pooling windows over an element, in either direction; coordinates count from the padding's edge.

/** The most windows over an element. */
fn most_windows(kernel: vec2u, stride: vec2u) -> vec2u { return (kernel + stride - 1u) / stride; }

/** The first window that may be over the element; not all of the next `most` are (`has_window`). */
fn first_window(at: u32, most: u32, stride: u32) -> u32 { return at / stride + 1u - most; }

/** True if there is such a window and it is over the element. */
fn has_window(at: u32, window: u32, stride: u32, kernel: u32, windows: u32) -> bool {
  return window < windows && at - window * stride < kernel;
}
