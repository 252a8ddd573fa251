// Matmul for large matrices on software adapters whose subgroups are 8 wide: matmul_subgroup8 with 32 rows, all loads vec4 and no
// tails of K. Faster by a fifth; apart because it takes twice as long to compile and not every layout.
import package::lib::matmul::{params, tile_of, vectorsA, start_a4, step_a4, row_sum, start_b, step_b, read_b, store, store_bias_grad,
  A_TURNED, BIAS_GRAD};
enable subgroups;

const LANES = 8u;
const ROWS = 32u;

/** Row r of op(A), four k of it, from what the eight lanes read. */
fn row_of(a: vec4f, r: u32) -> vec4f {
  if (!A_TURNED) { return subgroupShuffle(a, r); }
  let x = a[r % 4u];
  let first = r / 4u * 4u;
  return vec4f(subgroupShuffle(x, first), subgroupShuffle(x, first + 1u), subgroupShuffle(x, first + 2u), subgroupShuffle(x, first + 3u));
}

/** b * a as four products per column in the open: lavapipe makes faster code of it than of a matrix times a vector. */
fn times(b: mat4x4f, a: vec4f) -> vec4f { return b[0] * a.x + b[1] * a.y + b[2] * a.z + b[3] * a.w; }

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, 4u * LANES);
  let col = tile.col + 4u * lane;
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var c4 = vec4f(); var c5 = vec4f(); var c6 = vec4f(); var c7 = vec4f();
  var c8 = vec4f(); var c9 = vec4f(); var c10 = vec4f(); var c11 = vec4f();
  var c12 = vec4f(); var c13 = vec4f(); var c14 = vec4f(); var c15 = vec4f();
  var c16 = vec4f(); var c17 = vec4f(); var c18 = vec4f(); var c19 = vec4f();
  var c20 = vec4f(); var c21 = vec4f(); var c22 = vec4f(); var c23 = vec4f();
  var c24 = vec4f(); var c25 = vec4f(); var c26 = vec4f(); var c27 = vec4f();
  var c28 = vec4f(); var c29 = vec4f(); var c30 = vec4f(); var c31 = vec4f();
  var sum0 = vec4f(); var sum1 = vec4f(); var sum2 = vec4f(); var sum3 = vec4f();
  var at0 = start_a4(tile, tile.row, lane);
  var at1 = start_a4(tile, tile.row + LANES, lane);
  var at2 = start_a4(tile, tile.row + 2u * LANES, lane);
  var at3 = start_a4(tile, tile.row + 3u * LANES, lane);
  var atB = start_b(tile, col);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let b = read_b(atB);
    let a0 = vectorsA[at0];
    let a1 = vectorsA[at1];
    let a2 = vectorsA[at2];
    let a3 = vectorsA[at3];
    atB += step_b();
    at0 += step_a4();
    at1 += step_a4();
    at2 += step_a4();
    at3 += step_a4();
    if (BIAS_GRAD) {
      sum0 += a0;
      sum1 += a1;
      sum2 += a2;
      sum3 += a3;
    }
    c0 += times(b, row_of(a0, 0u));
    c1 += times(b, row_of(a0, 1u));
    c2 += times(b, row_of(a0, 2u));
    c3 += times(b, row_of(a0, 3u));
    c4 += times(b, row_of(a0, 4u));
    c5 += times(b, row_of(a0, 5u));
    c6 += times(b, row_of(a0, 6u));
    c7 += times(b, row_of(a0, 7u));
    c8 += times(b, row_of(a1, 0u));
    c9 += times(b, row_of(a1, 1u));
    c10 += times(b, row_of(a1, 2u));
    c11 += times(b, row_of(a1, 3u));
    c12 += times(b, row_of(a1, 4u));
    c13 += times(b, row_of(a1, 5u));
    c14 += times(b, row_of(a1, 6u));
    c15 += times(b, row_of(a1, 7u));
    c16 += times(b, row_of(a2, 0u));
    c17 += times(b, row_of(a2, 1u));
    c18 += times(b, row_of(a2, 2u));
    c19 += times(b, row_of(a2, 3u));
    c20 += times(b, row_of(a2, 4u));
    c21 += times(b, row_of(a2, 5u));
    c22 += times(b, row_of(a2, 6u));
    c23 += times(b, row_of(a2, 7u));
    c24 += times(b, row_of(a3, 0u));
    c25 += times(b, row_of(a3, 1u));
    c26 += times(b, row_of(a3, 2u));
    c27 += times(b, row_of(a3, 3u));
    c28 += times(b, row_of(a3, 4u));
    c29 += times(b, row_of(a3, 5u));
    c30 += times(b, row_of(a3, 6u));
    c31 += times(b, row_of(a3, 7u));
  }
  // Through an array, so that the epilogue is in the code once and not 32 times.
  var sums = array<vec4f, ROWS>(
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15,
    c16, c17, c18, c19, c20, c21, c22, c23, c24, c25, c26, c27, c28, c29, c30, c31);
  for (var r = 0u; r < min(ROWS, params.M - tile.row); r++) { store(tile, tile.row + r, col, sums[r]); }
  store_bias_grad(tile, tile.row + lane, row_sum(sum0, lane));
  store_bias_grad(tile, tile.row + lane + LANES, row_sum(sum1, lane));
  store_bias_grad(tile, tile.row + lane + 2u * LANES, row_sum(sum2, lane));
  store_bias_grad(tile, tile.row + lane + 3u * LANES, row_sum(sum3, lane));
}
