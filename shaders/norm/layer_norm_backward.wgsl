// The gradients of layer norm in one pass over x and gradY: a thread goes down a column through one slice of the rows.
import package::lib::element::Element;
import package::lib::grid::WORKGROUP;
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, cols: u32, sliceRows: u32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;      // (rows, cols)
@group(0) @binding(2) var<storage, read> weight: array<Element>; // (cols)
@group(0) @binding(3) var<storage, read> gradY: array<Element>;  // (rows, cols)
@group(0) @binding(4) var<storage, read> means: array<vec4f>;    // (rows), of layer_norm_backward_rows
@group(0) @binding(5) var<storage, read_write> gradX: array<Element>; // (rows, cols)
@group(0) @binding(6) var<storage, read_write> parts: array<Element>; // (slices, 2, cols): sums of gradWeight, of gradBias
override HAS_WEIGHT: bool = true;
override GRAD_X: bool = true;
override GRAD_PARAMS: bool = true;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u) {
  let col = workgroup.x * WORKGROUP + thread;
  if (col >= params.cols) { return; }
  var scale = Element(1.0);
  if (HAS_WEIGHT) { scale = weight[col]; }
  var sumWeight = Element();
  var sumBias = Element();
  let end = min((workgroup.y + 1u) * params.sliceRows, params.rows);
  for (var first = workgroup.y * params.sliceRows; first < end; first += SUM_BLOCK) {
    var blockWeight = Element();
    var blockBias = Element();
    for (var row = first; row < min(first + SUM_BLOCK, end); row++) {
      let at = row * params.cols + col;
      let rowMeans = means[row];
      let g = gradY[at];
      let normal = (x[at] - rowMeans.x) * rowMeans.y;
      blockWeight += g * normal;
      blockBias += g;
      if (GRAD_X) { gradX[at] = (g * scale - rowMeans.z - normal * rowMeans.w) * rowMeans.y; }
    }
    sumWeight += blockWeight;
    sumBias += blockBias;
  }
  if (GRAD_PARAMS) {
    parts[workgroup.y * 2u * params.cols + col] = sumWeight;
    parts[(workgroup.y * 2u + 1u) * params.cols + col] = sumBias;
  }
}
