// Transposes for software adapters: src is dense along one dim, dst along another. An invocation takes four by four elements at a
// time in registers, four rows of dst side by side. All params but the shape count fours of elements.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::strided::{params, row_offsets};

@group(0) @binding(1) var<storage, read> src: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> dst: array<vec4u>;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let step = item_stride(invocation);
  for (var i = first_item(invocation); i < params.pieces; i += step) {
    let line = i / params.piecesPerRow;
    let row = line / params.crossed;
    let strip = line - row * params.crossed;
    let start = (i - line * params.piecesPerRow) * params.piece;
    let offsets = row_offsets(row);
    var at = offsets.x + strip + 4u * start * params.srcInner;
    var to = offsets.y + 4u * strip * params.dstCrossed + start;
    for (var j = start; j < min(start + params.piece, params.inner); j++) {
      let a = src[at];
      let b = src[at + params.srcInner];
      let c = src[at + 2u * params.srcInner];
      let d = src[at + 3u * params.srcInner];
      dst[to] = vec4u(a.x, b.x, c.x, d.x);
      dst[to + params.dstCrossed] = vec4u(a.y, b.y, c.y, d.y);
      dst[to + 2u * params.dstCrossed] = vec4u(a.z, b.z, c.z, d.z);
      dst[to + 3u * params.dstCrossed] = vec4u(a.w, b.w, c.w, d.w);
      at += 4u * params.srcInner;
      to += 1u;
    }
  }
}
