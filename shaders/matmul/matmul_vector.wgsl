// Matmul of one to eight rows with a B stored as (N, K): a linear layer on a small batch. Bound by the bandwidth of B, which is
// read once, as vec4 along k by neighbouring invocations: each sums every WORKGROUP-th vec4 of ROWS x 4 of C, GROUPS times. One
// barrier per workgroup for all of them.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, vectorsA, vectorsB, store, store_bias_grad, BIAS_GRAD};
@if(HALF) enable f16;

override ROWS: u32 = 1; // 1, 4 or 8
override GROUPS: u32 = 4;
override WORKGROUP: u32 = 8;

override PARTS: u32 = GROUPS * ROWS * WORKGROUP;
var<workgroup> parts: array<vec4f, PARTS>; // (GROUPS, ROWS, WORKGROUP)

const MOST = 8u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, 4u * GROUPS);
  var rowSum: array<vec4f, MOST>; // @registers
  for (var g = 0u; g < GROUPS; g++) {
    let columns = min(tile.col + 4u * g + vec4u(0u, 1u, 2u, 3u), vec4u(params.N - 1u));
    let at = (tile.b + columns * params.strideBn) / 4u;
    var c: array<vec4f, MOST>; // @registers
    for (var k = tile.kBegin / 4u + local; k < tile.kEnd / 4u; k += WORKGROUP) {
      let b0 = vec4f(vectorsB[at.x + k]);
      let b1 = vec4f(vectorsB[at.y + k]);
      let b2 = vec4f(vectorsB[at.z + k]);
      let b3 = vec4f(vectorsB[at.w + k]);
      for (var r = 0u; r < MOST; r++) { // @unroll
        if (r < ROWS) {
          let a = vec4f(vectorsA[(tile.a + min(tile.row + r, params.M - 1u) * params.strideAm) / 4u + k]);
          c[r] += vec4f(dot(a, b0), dot(a, b1), dot(a, b2), dot(a, b3));
          if (BIAS_GRAD && g == 0u) { rowSum[r] += a; }
        }
      }
    }
    for (var r = 0u; r < MOST; r++) { // @unroll
      if (r < ROWS) { parts[(g * ROWS + r) * WORKGROUP + local] = c[r]; }
    }
  }
  workgroupBarrier();
  for (var i = local; i < GROUPS * ROWS; i += WORKGROUP) { store(tile, tile.row + i % ROWS, tile.col + i / ROWS * 4u, total(i)); }
  if (!BIAS_GRAD) { return; }
  workgroupBarrier();
  for (var r = 0u; r < MOST; r++) { // @unroll
    if (r < ROWS) { parts[r * WORKGROUP + local] = rowSum[r]; }
  }
  workgroupBarrier();
  for (var r = local; r < ROWS; r += WORKGROUP) { store_bias_grad(tile, tile.row + r, dot(total(r), vec4f(1.0))); }
}

/** The sum of all invocations' parts of one row and four columns. */
fn total(i: u32) -> vec4f {
  var sum = vec4f();
  for (var t = 0u; t < WORKGROUP; t++) { sum += parts[i * WORKGROUP + t]; }
  return sum;
}
