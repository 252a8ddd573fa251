// Second half of a matmul that split K over workgroups: adds the partial results in a fixed order and applies the epilogue.
import package::lib::matmul::{params, matrixA, finish};
import package::lib::sum::SUM_BLOCK;

override WORKGROUP: u32 = 64;

// a: (splits, batch, M, N)
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = (wid.x + wid.y * nwg.x) * WORKGROUP + local;
  let size = params.batches * params.M * params.N;
  if (i >= size) { return; }
  var sum = 0.0;
  for (var first = 0u; first < params.splits; first += SUM_BLOCK) {
    var block = 0.0;
    for (var s = first; s < min(first + SUM_BLOCK, params.splits); s++) { block += matrixA[s * size + i]; }
    sum += block;
  }
  finish(i, i % params.N, sum);
}
