// Matmul for software adapters whose subgroups are 8 wide (lavapipe): one subgroup makes 16 rows x 32 columns of C. Each lane
// loads every eighth row of A, which the others get by a shuffle (cheaper there than a broadcast), and owns four columns: no
// workgroup memory, no barrier. One pipeline reads every layout that has B_VEC4: compiling another costs more than it saves.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, inside, start_a, load_a, start_b, step_b, load_b, store, store_bias_grad};
enable subgroups;
@if(HALF) enable f16;

const LANES = 8u;
const ROWS = 16u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, 4u * LANES);
  let col = tile.col + 4u * lane;
  var c: array<vec4f, ROWS>; // @registers
  var sum: array<vec4f, 2>; // @registers
  var at: array<u32, 2>; // @registers
  for (var q = 0u; q < 2u; q++) { // @unroll
    at[q] = start_a(tile, tile.row + lane + q * LANES);
  }
  var atB = start_b(tile, col);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let valid = inside(tile, k);
    let b = load_b(atB, valid);
    var a: array<vec4f, 2>; // @values
    for (var q = 0u; q < 2u; q++) { // @unroll
      a[q] = load_a(at[q], valid);
    }
    atB += step_b();
    for (var q = 0u; q < 2u; q++) { // @unroll
      at[q] += 4u * params.strideAk;
    }
    for (var q = 0u; q < 2u; q++) { // @unroll
      sum[q] += a[q];
    }
    for (var q = 0u; q < 2u; q++) { // @unroll
      for (var r = 0u; r < LANES; r++) { // @unroll
        c[LANES * q + r] += b * subgroupShuffle(a[q], r);
      }
    }
  }
  // Through an array, so that the epilogue is in the code once and not 16 times: it would take longer to compile than the rest.
  var sums = c;
  for (var r = 0u; r < min(ROWS, params.M - tile.row); r++) { store(tile, tile.row + r, col, sums[r]); }
  for (var q = 0u; q < 2u; q++) { // @unroll
    store_bias_grad(tile, tile.row + lane + q * LANES, dot(sum[q], vec4f(1.0)));
  }
}
