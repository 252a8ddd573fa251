// Matmul for software adapters whose subgroups are 8 wide (lavapipe): one subgroup makes 16 rows x 32 columns of C. Each lane
// loads every eighth row of A, which the others get by broadcast, and owns four columns: no workgroup memory, no barrier.
import package::lib::matmul::{params, tile_of, load_a, load_b, store, store_bias_grad};
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
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let b = load_b(tile, k, col);
    let a0 = load_a(tile, tile.row + lane, k);
    let a1 = load_a(tile, tile.row + lane + 8u, k);
    sum0 += a0;
    sum1 += a1;
    c0 += b * subgroupBroadcast(a0, 0u);
    c1 += b * subgroupBroadcast(a0, 1u);
    c2 += b * subgroupBroadcast(a0, 2u);
    c3 += b * subgroupBroadcast(a0, 3u);
    c4 += b * subgroupBroadcast(a0, 4u);
    c5 += b * subgroupBroadcast(a0, 5u);
    c6 += b * subgroupBroadcast(a0, 6u);
    c7 += b * subgroupBroadcast(a0, 7u);
    c8 += b * subgroupBroadcast(a1, 0u);
    c9 += b * subgroupBroadcast(a1, 1u);
    c10 += b * subgroupBroadcast(a1, 2u);
    c11 += b * subgroupBroadcast(a1, 3u);
    c12 += b * subgroupBroadcast(a1, 4u);
    c13 += b * subgroupBroadcast(a1, 5u);
    c14 += b * subgroupBroadcast(a1, 6u);
    c15 += b * subgroupBroadcast(a1, 7u);
  }
  // Through an array, so that the epilogue is in the code once and not 16 times: it would take longer to compile than the rest.
  var sums = array<vec4f, ROWS>(
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15);
  for (var r = 0u; r < min(ROWS, params.M - tile.row); r++) { store(tile, tile.row + r, col, sums[r]); }
  store_bias_grad(tile, tile.row + lane, dot(sum0, vec4f(1.0)));
  store_bias_grad(tile, tile.row + lane + 8u, dot(sum1, vec4f(1.0)));
}
