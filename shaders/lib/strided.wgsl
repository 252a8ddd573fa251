// Params of the copies between strided views of one shape. An invocation or its neighbors go along one dim, `inner`; the index in
// the others is taken apart once for a whole piece of it. Kernels that move four words at once count in fours.

struct Params {
  pieces: u32,                 // of all rows
  piecesPerRow: u32,
  piece: u32,                  // elements of a row that are copied at a time
  inner: u32,                  // elements per row
  srcInner: u32,               // strides along the row, in elements; negative ones wrap
  dstInner: u32,
  lines: u32,                  // rows along one more dim that are copied one after another,
  lineCount: u32,              // of this many,
  srcLine: u32,                // with these strides
  dstLine: u32,
  crossed: u32,                // transposes: elements along the dim in which src is dense,
  dstCrossed: u32,             // and dst's stride along it
  rank: u32,                   // of the other dims
  srcOffset: u32,
  dstOffset: u32,
  shape: array<vec4u, 2>,      // 8 other dims, padded with 1 in front
  srcStrides: array<vec4u, 2>,
  dstStrides: array<vec4u, 2>,
}
@group(0) @binding(0) var<uniform> params: Params;

/** The offsets in src and dst of the row-th combination of indices in the other dims. */
fn row_offsets(row: u32) -> vec2u {
  var rest = row;
  var offsets = vec2u(params.srcOffset, params.dstOffset);
  for (var k = 0u; k + 1u < params.rank; k++) {
    let d = 7u - k;
    let size = params.shape[d / 4u][d % 4u];
    let next = rest / size;
    offsets += (rest - next * size) * vec2u(params.srcStrides[d / 4u][d % 4u], params.dstStrides[d / 4u][d % 4u]);
    rest = next;
  }
  // What is left is the index in the first dim.
  let first = 8u - max(params.rank, 1u);
  return offsets + rest * vec2u(params.srcStrides[first / 4u][first % 4u], params.dstStrides[first / 4u][first % 4u]);
}
