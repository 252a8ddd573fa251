// Cross entropy of logits and class labels, with the gradient of the logits: every row's loss, or (SINGLE_WORKGROUP) one workgroup's sum.
import package::lib::activation::nan_of;
import package::lib::element::{Element, Places, WIDTH, total, largest, component, places};
import package::lib::elementary::log_exact;
import package::lib::exponential::{exp_below_zero, nan_if, LARGEST_F32};
import package::lib::index::{linear_group, group_count};
import package::lib::row::{WORKGROUP, ROW_LANES, rows_at_once, row_sum, row_max, group_sum, FEW_LANES};
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, cols: u32, ignoreIndex: i32, smoothing: f32, faultCode: i32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<Element>;           // (rows, cols)
@group(0) @binding(2) var<storage, read> labels: array<i32>;               // (rows)
@group(0) @binding(3) var<storage, read> weight: array<Element>;           // (cols), of the classes
@group(0) @binding(4) var<storage, read> labelWeight: array<f32>;          // (1), what MEAN divides by, unless SINGLE_WORKGROUP
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;         // (rows), with SINGLE_WORKGROUP their sum (1)
@group(0) @binding(6) var<storage, read_write> gradLogits: array<Element>; // (rows, cols)
@group(0) @binding(7) var<storage, read_write> faults: array<i32>;         // (4): code, row, label of one that is no class
override HAS_WEIGHT: bool = false;
override SMOOTH: bool = false;
override MEAN: bool = true;
override GRAD: bool = true;
override SINGLE_WORKGROUP: bool = false;

fn is_class(label: i32) -> bool { return label >= 0 && u32(label) < params.cols * WIDTH; }

/** The weight of a label: of its class, 0 when it is ignored or no class. */
fn weight_of(label: i32) -> f32 {
  if (label == params.ignoreIndex || !is_class(label)) { return 0.0; }
  if (!HAS_WEIGHT) { return 1.0; }
  return component(weight[u32(label) / WIDTH], u32(label) % WIDTH);
}

/** What losses and gradients are multiplied by; NaN when no label counts, as in PyTorch. */
fn mean_scale(lane: u32) -> f32 {
  if (!MEAN) { return 1.0; }
  var sum = 0.0;
  if (SINGLE_WORKGROUP && WORKGROUP <= FEW_LANES) {
    // Each lane by itself: a reduction would take longer to compile than this to run.
    for (var row = 0u; row < params.rows; row++) { sum += weight_of(labels[row]); }
  } else if (SINGLE_WORKGROUP) {
    for (var row = lane; row < params.rows; row += WORKGROUP) { sum += weight_of(labels[row]); }
    sum = group_sum(sum, lane);
  } else {
    sum = labelWeight[0];
  }
  return 1.0 / sum + nan_if(sum == 0.0);
}

/** Loss of one row, and its part of gradLogits. */
fn row_loss(row: u32, lane: u32, scale: f32) -> f32 {
  let first = lane % ROW_LANES;
  let start = min(row, params.rows - 1u) * params.cols;
  let label = labels[min(row, params.rows - 1u)];
  var most = Element(-LARGEST_F32);
  for (var i = first; i < params.cols; i += ROW_LANES) { most = max(most, logits[start + i]); }
  let rowMost = row_max(largest(most), lane);
  var sums = Element();
  var weights = Element();
  var weighted = Element();
  for (var begin = first; begin < params.cols; begin += SUM_BLOCK * ROW_LANES) {
    var block = Element();
    var blockWeights = Element();
    var blockWeighted = Element();
    for (var i = begin; i < min(begin + SUM_BLOCK * ROW_LANES, params.cols); i += ROW_LANES) {
      let d = logits[start + i] - rowMost;
      block += exp_below_zero(d);
      if (SMOOTH) {
        var one = Element(1.0);
        if (HAS_WEIGHT) { one = weight[i]; }
        blockWeights += one;
        blockWeighted += one * d;
      }
    }
    sums += block;
    weights += blockWeights;
    weighted += blockWeighted;
  }
  let sum = row_sum(total(sums), lane);
  let invalid = nan_of(sum) + nan_if(sum == 0.0); // log may swallow NaN
  let onLabel = weight_of(label) * (1.0 - params.smoothing);
  let onAll = params.smoothing / f32(params.cols * WIDTH);
  var onSum = onLabel;
  let picked = u32(select(0, label, is_class(label)));
  let own = component(logits[start + picked / WIDTH], picked % WIDTH) - rowMost;
  var loss = onLabel * (log_exact(sum) - own) + invalid;
  if (SMOOTH) {
    let weightSum = row_sum(total(weights), lane);
    loss += onAll * (weightSum * log_exact(sum) - row_sum(total(weighted), lane));
    onSum += onAll * weightSum;
  }
  let ignored = label == params.ignoreIndex || row >= params.rows;
  let unknown = !ignored && !is_class(label);
  if (unknown && first == 0u) {
    faults[0] = params.faultCode;
    faults[1] = i32(row);
    faults[2] = label;
  }
  if (GRAD) {
    let end = select(0u, params.cols, row < params.rows);
    let onExp = onSum * scale / sum + invalid;
    for (var i = first; i < end; i += ROW_LANES) {
      var grad = exp_below_zero(logits[start + i] - rowMost) * onExp;
      grad -= select(Element(), Element(onLabel * scale), places(i) == Places(picked));
      if (SMOOTH) {
        var one = Element(1.0);
        if (HAS_WEIGHT) { one = weight[i]; }
        grad -= one * (onAll * scale);
      }
      gradLogits[start + i] = select(grad, Element(), ignored || unknown);
    }
  }
  return select(loss, 0.0, ignored) + nan_if(unknown);
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let scale = mean_scale(lane);
  var sum = 0.0;
  for (var base = linear_group(wid, nwg) * rows_at_once(); base < params.rows; base += group_count(nwg) * rows_at_once()) {
    let row = base + lane / ROW_LANES;
    let loss = row_loss(row, lane, scale) * scale;
    if (lane % ROW_LANES == 0u && row < params.rows) {
      sum += loss;
      if (!SINGLE_WORKGROUP) { losses[row] = loss; }
    }
  }
  if (SINGLE_WORKGROUP) {
    let whole = group_sum(sum, lane);
    // All labels ignored: the mean of nothing.
    if (lane == 0u) { losses[0] = whole + scale * 0.0; }
  }
}
