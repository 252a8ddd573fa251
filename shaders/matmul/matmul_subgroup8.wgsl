// Matmul for software adapters whose subgroups are 8 wide (lavapipe): one subgroup makes 16 rows x 32 columns of C. Each lane
// loads every eighth row of A, which the others get by a shuffle (cheaper there than a broadcast), and owns four columns: no
// workgroup memory, no barrier. One pipeline reads every layout that has B_VEC4: compiling another costs more than it saves.
import package::lib::matmul::{params, tile_of, inside, start_a, load_a, start_b, step_b, load_b, store, store_bias_grad};
enable subgroups;

const LANES = 8u;
const ROWS = 16u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, 4u * LANES);
  let col = tile.col + 4u * lane;
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var c4 = vec4f(); var c5 = vec4f(); var c6 = vec4f(); var c7 = vec4f();
  var c8 = vec4f(); var c9 = vec4f(); var c10 = vec4f(); var c11 = vec4f();
  var c12 = vec4f(); var c13 = vec4f(); var c14 = vec4f(); var c15 = vec4f();
  var sum0 = vec4f(); var sum1 = vec4f();
  var at0 = start_a(tile, tile.row + lane);
  var at1 = start_a(tile, tile.row + lane + LANES);
  var atB = start_b(tile, col);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let valid = inside(tile, k);
    let b = load_b(atB, valid);
    let a0 = load_a(at0, valid);
    let a1 = load_a(at1, valid);
    atB += step_b();
    at0 += 4u * params.strideAk;
    at1 += 4u * params.strideAk;
    sum0 += a0;
    sum1 += a1;
    c0 += b * subgroupShuffle(a0, 0u);
    c1 += b * subgroupShuffle(a0, 1u);
    c2 += b * subgroupShuffle(a0, 2u);
    c3 += b * subgroupShuffle(a0, 3u);
    c4 += b * subgroupShuffle(a0, 4u);
    c5 += b * subgroupShuffle(a0, 5u);
    c6 += b * subgroupShuffle(a0, 6u);
    c7 += b * subgroupShuffle(a0, 7u);
    c8 += b * subgroupShuffle(a1, 0u);
    c9 += b * subgroupShuffle(a1, 1u);
    c10 += b * subgroupShuffle(a1, 2u);
    c11 += b * subgroupShuffle(a1, 3u);
    c12 += b * subgroupShuffle(a1, 4u);
    c13 += b * subgroupShuffle(a1, 5u);
    c14 += b * subgroupShuffle(a1, 6u);
    c15 += b * subgroupShuffle(a1, 7u);
  }
  // Through an array, so that the epilogue is in the code once and not 16 times: it would take longer to compile than the rest.
  var sums = array<vec4f, ROWS>(
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15);
  for (var r = 0u; r < min(ROWS, params.M - tile.row); r++) { store(tile, tile.row + r, col, sums[r]); }
  store_bias_grad(tile, tile.row + lane, dot(sum0, vec4f(1.0)));
  store_bias_grad(tile, tile.row + lane + LANES, dot(sum1, vec4f(1.0)));
}
