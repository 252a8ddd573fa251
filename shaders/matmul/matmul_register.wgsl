// Matmul for software adapters without subgroups: each invocation makes 8 rows x 4 columns of C in registers from vec4 loads,
// a workgroup 16 x 16. No workgroup memory and no barrier, which cost such adapters more than loading twice.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, inside, start_a, load_a, start_b, step_b, load_b, store, store_bias_grad};
@if(HALF) enable f16;

const ACROSS = 4u;
const ROWS = 8u;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, 2u * ROWS, 4u * ACROSS);
  let col = tile.col + local % ACROSS * 4u;
  let row = tile.row + local / ACROSS * ROWS;
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var c4 = vec4f(); var c5 = vec4f(); var c6 = vec4f(); var c7 = vec4f();
  var sum0 = vec4f(); var sum1 = vec4f();
  var at0 = start_a(tile, row);
  var at1 = start_a(tile, row + 1u);
  var at2 = start_a(tile, row + 2u);
  var at3 = start_a(tile, row + 3u);
  var at4 = start_a(tile, row + 4u);
  var at5 = start_a(tile, row + 5u);
  var at6 = start_a(tile, row + 6u);
  var at7 = start_a(tile, row + 7u);
  var atB = start_b(tile, col);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let valid = inside(tile, k);
    let b = load_b(atB, valid);
    atB += step_b();
    let a0 = load_a(at0, valid);
    let a1 = load_a(at1, valid);
    let a2 = load_a(at2, valid);
    let a3 = load_a(at3, valid);
    let a4 = load_a(at4, valid);
    let a5 = load_a(at5, valid);
    let a6 = load_a(at6, valid);
    let a7 = load_a(at7, valid);
    let step = 4u * params.strideAk;
    at0 += step; at1 += step; at2 += step; at3 += step; at4 += step; at5 += step; at6 += step; at7 += step;
    c0 += b * a0;
    c1 += b * a1;
    c2 += b * a2;
    c3 += b * a3;
    c4 += b * a4;
    c5 += b * a5;
    c6 += b * a6;
    c7 += b * a7;
    sum0 += vec4f(1.0) * mat4x4f(a0, a1, a2, a3);
    sum1 += vec4f(1.0) * mat4x4f(a4, a5, a6, a7);
  }
  // Through arrays, so that the epilogue is in the code once and not 8 times.
  var sums = array<vec4f, ROWS>(c0, c1, c2, c3, c4, c5, c6, c7);
  var rowSums = array<f32, ROWS>(sum0.x, sum0.y, sum0.z, sum0.w, sum1.x, sum1.y, sum1.z, sum1.w);
  for (var r = 0u; r < min(ROWS, params.M - min(row, params.M)); r++) {
    store(tile, row + r, col, sums[r]);
    if (col == 0u) { store_bias_grad(tile, row + r, rowSums[r]); }
  }
}
