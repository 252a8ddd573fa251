// Copies between any two strided views of the same shape, as 32-bit words, as f16 in the variant `_half`, or in four words at once in
// the variant `_vec4`, for rows that are dense in both. LANES neighboring threads share a piece of a row.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::strided::{params, row_offsets};
@if(HALF) enable f16;

@if(HALF) alias Word = f16;
@if(VEC4 && !HALF) alias Word = vec4u;
@if(!HALF && !VEC4) alias Word = u32;

/** The sum of two floats. */
@if(HALF) fn sum_of(a: Word, b: Word) -> Word { return a + b; }
@if(VEC4 && !HALF) fn sum_of(a: Word, b: Word) -> Word { return bitcast<vec4u>(bitcast<vec4f>(a) + bitcast<vec4f>(b)); }
@if(!HALF && !VEC4) fn sum_of(a: Word, b: Word) -> Word { return bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b)); }

@group(0) @binding(1) var<storage, read> src: array<Word>;
@group(0) @binding(2) var<storage, read_write> dst: array<Word>;
// 1: dst = src; 2: dst += src as floats.
override MODE: u32 = 1;
override LANES: u32 = 1;

fn move_word(to: u32, at: u32) {
  if (MODE == 1u) {
    dst[to] = src[at];
  } else {
    dst[to] = sum_of(dst[to], src[at]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let step = item_stride(invocation) / LANES;
  let rows = params.pieces / params.piecesPerRow;
  let runs = (params.lineCount + params.lines - 1u) / params.lines;
  let below = vec2u(params.srcLine, params.dstLine);
  let item = first_item(invocation);
  let lane = item % LANES;
  let apart = vec2u(params.srcInner, params.dstInner) * LANES;
  for (var i = item / LANES; i < params.pieces; i += step) {
    // Neighboring pieces are those of neighboring rows.
    let column = i / rows;
    let start = column * params.piece + lane;
    let end = min((column + 1u) * params.piece, params.inner);
    let row = (i - column * rows) / runs;
    let line = (i - column * rows - row * runs) * params.lines;
    var lineAt = row_offsets(row) + line * below + start * vec2u(params.srcInner, params.dstInner);
    for (var l = line; l < min(line + params.lines, params.lineCount); l++) {
      var at = lineAt;
      var j = start;
      for (; j + 3u * LANES < end; j += 4u * LANES) {
        move_word(at.y, at.x);
        move_word(at.y + apart.y, at.x + apart.x);
        move_word(at.y + 2u * apart.y, at.x + 2u * apart.x);
        move_word(at.y + 3u * apart.y, at.x + 3u * apart.x);
        at += 4u * apart;
      }
      for (; j < end; j += LANES) {
        move_word(at.y, at.x);
        at += apart;
      }
      lineAt += below;
    }
  }
}
