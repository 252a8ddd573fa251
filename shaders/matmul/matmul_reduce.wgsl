// Second half of a matmul that split K over workgroups: adds the partial results in a fixed order and applies the epilogue.
import package::lib::matmul::{params, matrixA, finish};

override WORKGROUP: u32 = 64;

// a: (splits, batch, M, N)
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = (wid.x + wid.y * nwg.x) * WORKGROUP + local;
  let size = params.batches * params.M * params.N;
  if (i >= size) { return; }
  var sum = 0.0;
  for (var s = 0u; s < params.splits; s++) { sum += matrixA[s * size + i]; }
  finish(i, i % params.N, sum);
}
