// Matmul for large matrices on software adapters whose subgroups are 8 wide: matmul_subgroup8 with 32 rows, all loads vec4 and no
// tails of K. Faster by a fifth; apart because it takes twice as long to compile and not every layout.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, vectorsA, start_a4, step_a4, row_sum, start_b, step_b, read_b, store, store_bias_grad,
  A_TURNED, BIAS_GRAD};
enable subgroups;
@if(HALF) enable f16;

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
  var c: array<vec4f, ROWS>; // @registers
  var sum: array<vec4f, 4>; // @registers
  var at: array<u32, 4>; // @registers
  for (var q = 0u; q < 4u; q++) { // @unroll
    at[q] = start_a4(tile, tile.row + q * LANES, lane);
  }
  var atB = start_b(tile, col);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let b = read_b(atB);
    var a: array<vec4f, 4>; // @values
    for (var q = 0u; q < 4u; q++) { // @unroll
      a[q] = vec4f(vectorsA[at[q]]);
    }
    atB += step_b();
    for (var q = 0u; q < 4u; q++) { // @unroll
      at[q] += step_a4();
    }
    if (BIAS_GRAD) {
      for (var q = 0u; q < 4u; q++) { // @unroll
        sum[q] += a[q];
      }
    }
    for (var q = 0u; q < 4u; q++) { // @unroll
      for (var r = 0u; r < LANES; r++) { // @unroll
        c[LANES * q + r] += times(b, row_of(a[q], r));
      }
    }
  }
  // Through an array, so that the epilogue is in the code once and not 32 times.
  var sums = c;
  for (var r = 0u; r < min(ROWS, params.M - tile.row); r++) { store(tile, tile.row + r, col, sums[r]); }
  for (var q = 0u; q < 4u; q++) { // @unroll
    store_bias_grad(tile, tile.row + lane + q * LANES, row_sum(sum[q], lane));
  }
}
