// Second half of a matmul that split K over workgroups: adds the partial results in a fixed order and applies the epilogue.
import package::lib::matmul::{params, matrixA, finish};
import package::lib::sum::SUM_BLOCK;
@if(HALF) enable f16;

override WORKGROUP: u32 = 64;
/** Parts that are loaded before they are added, so that their loads need not wait for each other. */
const AT_ONCE = 4u;

// a: (splits, batch, M, N)
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = (wid.x + wid.y * nwg.x) * WORKGROUP + local;
  let size = params.batches * params.M * params.N;
  if (i >= size) { return; }
  var sum = 0.0;
  for (var first = 0u; first < params.splits; first += SUM_BLOCK) {
    let end = min(first + SUM_BLOCK, params.splits);
    var block = 0.0;
    var s = first;
    for (; s + AT_ONCE <= end; s += AT_ONCE) {
      var part: array<f32, AT_ONCE>; // @values
      for (var k = 0u; k < AT_ONCE; k++) { // @unroll
        part[k] = f32(matrixA[(s + k) * size + i]);
      }
      for (var k = 0u; k < AT_ONCE; k++) { // @unroll
        block += part[k];
      }
    }
    for (; s < end; s++) { block += f32(matrixA[s * size + i]); }
    sum += block;
  }
  finish(i, i % params.N, sum);
}
