// Windows of the pooling kernels: constants of the pipeline if they are small, so that the loops over a window unroll, else params.
// An invocation takes a run of neighboring columns, so that it divides once per run. Rows and columns are counted modulo 2^32:
// those before an image's first are past its last.

struct Params {
  runs: u32, // of all rows that are gone through: images * channels * rows * runsPerRow
  runsPerRow: u32,
  run: u32,  // columns in a run
  rows: u32, // of an image: those of the side that is written, or of blocks that begin where windows do
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
/** 0: the windows are those of the params. */
override KERNEL_HEIGHT: u32 = 0;
override KERNEL_WIDTH: u32 = 0;
override STRIDE_Y: u32 = 0;
override STRIDE_X: u32 = 0;
/** false: windows lie in the image, and blocks, if any, fill it exactly. */
override HAS_EDGES: bool = true;

fn kernel() -> vec2u {
  if (KERNEL_HEIGHT == 0u) { return vec2u(params.kernelHeight, params.kernelWidth); }
  return vec2u(KERNEL_HEIGHT, KERNEL_WIDTH);
}

fn strides() -> vec2u {
  if (STRIDE_Y == 0u) { return vec2u(params.strideY, params.strideX); }
  return vec2u(STRIDE_Y, STRIDE_X);
}

/** A run's image, its row, and the range [first, end) of its columns, of `columns` in a row. */
struct Run { image: u32, row: u32, first: u32, end: u32 }

fn run_at(i: u32, columns: u32) -> Run {
  let line = i / params.runsPerRow;
  let image = line / params.rows;
  let first = (i - line * params.runsPerRow) * params.run;
  return Run(image, line - image * params.rows, first, min(first + params.run, columns));
}

/** True if an element of a window lies in the image. */
fn is_inside(row: u32, column: u32) -> bool { return !HAS_EDGES || (row < params.height && column < params.width); }

/** A window's first row (column) without those in the padding. */
fn clipped(at: u32, padding: u32) -> u32 { return select(at, 0u, HAS_EDGES && at >= 0u - padding && padding > 0u); }
