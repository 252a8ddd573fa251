// Keeps the lower or the upper triangle of matrices, and puts 0 elsewhere.
import package::lib::index::{linear_group, group_count};

struct Params { size: u32, rows: u32, columns: u32, diagonal: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (..., rows, columns)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (..., rows, columns)
override WORKGROUP: u32 = 64;
override UPPER: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let column = i32(i % params.columns);
    let row = i32((i / params.columns) % params.rows);
    let above = column - row - params.diagonal;
    y[i] = select(0u, x[i], select(above <= 0, above >= 0, UPPER));
  }
}
