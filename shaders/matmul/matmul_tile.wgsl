// Matmul for GPUs: a workgroup makes ROWS x COLS of C from tiles of A and B in workgroup memory, each invocation 4 x 4.
// Both are staged k-major as vec4 along their other side, however they are stored: one inner loop serves all four transposes.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, load_a_column, load_b_row, store, store_bias_grad};
@if(HALF) enable f16;

override ROWS: u32 = 64; // at most COLS
override COLS: u32 = 64;

// COLS / 4 of k are staged at a time: one vec4 of A and COLS / ROWS of B per invocation. A row of vec4 is followed by a spare
// one, so that writes down a column of the staged tile spread over the banks. Overrides by names of their own: naga (Firefox,
// Deno) panics at an array whose length is an expression of overrides.
override STAGED_A: u32 = COLS / 4u * (ROWS / 4u + 1u);
override STAGED_B: u32 = COLS / 4u * (COLS / 4u + 1u);
override LOADS_B: u32 = COLS / ROWS;
var<workgroup> stagedA: array<vec4f, STAGED_A>;
var<workgroup> stagedB: array<vec4f, STAGED_B>;

@compute @workgroup_size(ROWS * COLS / 16)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, COLS);
  let depth = COLS / 4u;
  let high = ROWS / 4u;
  let pitchA = high + 1u;
  let pitchB = depth + 1u;
  let across = local % depth;
  let down = local / depth;
  // Neighbouring invocations load along the side that is contiguous in memory.
  let placeA = select(vec2u(local / high, local % high), vec2u(across, down), params.strideAk == 1u);
  let placeB = select(vec2u(down, across), vec2u(across, down), params.strideBk == 1u);
  let nextB = select(vec2u(high, 0u), vec2u(0u, high), params.strideBk == 1u);
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var rowSums = vec4f();
  for (var k0 = tile.kBegin; k0 < tile.kEnd; k0 += depth) {
    let columnA = load_a_column(tile, tile.row + 4u * placeA.y, k0 + placeA.x);
    stagedA[placeA.x * pitchA + placeA.y] = columnA;
    for (var i = 0u; i < LOADS_B; i++) {
      let place = placeB + i * nextB;
      stagedB[place.x * pitchB + place.y] = load_b_row(tile, k0 + place.x, tile.col + 4u * place.y);
    }
    rowSums += columnA;
    workgroupBarrier();
    for (var k = 0u; k < COLS / 4u; k++) {
      let a = stagedA[k * pitchA + down];
      let b = stagedB[k * pitchB + across];
      c0 += a.x * b;
      c1 += a.y * b;
      c2 += a.z * b;
      c3 += a.w * b;
    }
    workgroupBarrier();
  }
  let row = tile.row + 4u * down;
  let col = tile.col + 4u * across;
  // Through an array and a loop that no compiler can unroll, so that the epilogue is in the code once.
  var sums = array<vec4f, 4>(c0, c1, c2, c3);
  for (var r = row; r < min(row + 4u, params.M); r++) { store(tile, r, col, sums[r - row]); }
  // Each invocation holds four rows' sums over its own k modulo side: added up here in the order of k.
  stagedA[placeA.x * pitchA + placeA.y] = rowSums;
  workgroupBarrier();
  if (local < ROWS) {
    var sum = 0.0;
    for (var k = 0u; k < COLS / 4u; k++) { sum += stagedA[k * pitchA + local / 4u][local % 4u]; }
    store_bias_grad(tile, tile.row + local, sum);
  }
}
