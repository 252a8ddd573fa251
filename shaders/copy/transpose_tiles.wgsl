// Transposes for GPUs: src is dense along one dim, dst along another. A workgroup takes a tile through workgroup memory, so that
// neighboring threads read and write neighboring elements.
import package::lib::index::{linear_group, group_count};
import package::lib::strided::{params, row_offsets};
@if(HALF) enable f16;

@if(HALF) alias Word = f16;
@else alias Word = u32;

@group(0) @binding(1) var<storage, read> src: array<Word>;
@group(0) @binding(2) var<storage, read_write> dst: array<Word>;

const SIDE = 32u; // = `piece`
const LINES = 8u; // that the workgroup moves at once
/** A column more than a tile has, so that its columns lie in different banks. */
var<workgroup> tile: array<array<Word, SIDE + 1u>, SIDE>;

@compute @workgroup_size(SIDE, LINES)
fn main(
  @builtin(local_invocation_id) thread: vec3u,
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  let strips = (params.crossed + SIDE - 1u) / SIDE;
  for (var i = linear_group(workgroup, workgroups); i < params.pieces; i += group_count(workgroups)) {
    let line = i / params.piecesPerRow;
    let row = line / strips;
    let crossed = (line - row * strips) * SIDE;
    let inner = (i - line * params.piecesPerRow) * SIDE;
    let offsets = row_offsets(row);
    for (var k = 0u; k < SIDE; k += LINES) {
      let j = inner + thread.y + k;
      let c = crossed + thread.x;
      if (j < params.inner && c < params.crossed) { tile[thread.y + k][thread.x] = src[offsets.x + c + j * params.srcInner]; }
    }
    workgroupBarrier();
    for (var k = 0u; k < SIDE; k += LINES) {
      let c = crossed + thread.y + k;
      let j = inner + thread.x;
      if (j < params.inner && c < params.crossed) { dst[offsets.y + c * params.dstCrossed + j] = tile[thread.x][thread.y + k]; }
    }
    workgroupBarrier();
  }
}
