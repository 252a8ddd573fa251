// Copies between any two strided views of the same shape, as 32-bit words, or as f16 in the variant `_half`. An invocation takes
// a chunk of the last dim at a time, so that the offsets of a row are computed once for many elements.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
@if(HALF) enable f16;

@if(HALF) alias Word = f16;
@else alias Word = u32;

/** The sum of two floats. */
@if(HALF) fn sum_of(a: Word, b: Word) -> Word { return a + b; }
@else fn sum_of(a: Word, b: Word) -> Word { return bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b)); }

struct Params {
  pieces: u32,                 // rows * piecesPerRow
  piecesPerRow: u32,
  inner: u32,                  // elements per row: the last dim
  srcInner: u32,               // strides along the row, in elements; negative ones wrap
  dstInner: u32,
  rank: u32,                   // dims of the rows
  srcOffset: u32,
  dstOffset: u32,
  shape: array<vec4u, 2>,      // 8 dims of the rows, padded with 1 in front
  srcStrides: array<vec4u, 2>,
  dstStrides: array<vec4u, 2>,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<Word>;
@group(0) @binding(2) var<storage, read_write> dst: array<Word>;
// 1: dst = src; 2: dst += src as floats.
override MODE: u32 = 1;
const CHUNK = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let step = item_stride(invocation);
  let rows = params.pieces / params.piecesPerRow;
  for (var i = first_item(invocation); i < params.pieces; i += step) {
    // Neighboring threads take neighboring rows.
    var rest = i % rows;
    let start = i / rows * CHUNK;
    var readAt = params.srcOffset + start * params.srcInner;
    var writeAt = params.dstOffset + start * params.dstInner;
    for (var k = 0u; k < params.rank; k++) {
      let d = 7u - k;
      let size = params.shape[d / 4u][d % 4u];
      let at = rest % size;
      rest /= size;
      readAt += at * params.srcStrides[d / 4u][d % 4u];
      writeAt += at * params.dstStrides[d / 4u][d % 4u];
    }
    let count = min(CHUNK, params.inner - start);
    for (var j = 0u; j < count; j++) {
      if (MODE == 1u) {
        dst[writeAt] = src[readAt];
      } else {
        dst[writeAt] = sum_of(dst[writeAt], src[readAt]);
      }
      readAt += params.srcInner;
      writeAt += params.dstInner;
    }
  }
}
