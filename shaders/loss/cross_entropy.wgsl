// Cross entropy of logits and class labels, with the gradient of the logits: each row's loss, or (SINGLE_WORKGROUP) their sum.
import package::lib::activation::nan_of;
import package::lib::element::{Element, Indices, WIDTH, total, largest, component, indices};
import package::lib::elementary::log_exact;
import package::lib::exponential::{exp_below_zero, nan_if, LARGEST_F32};
import package::lib::grid::WORKGROUP;
import package::lib::row::{Grid, ROW_THREADS, MAX_SERIAL_THREADS, first_rows, row_stride, row_of, first_column, row_sum, row_max, group_sum};
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, cols: u32, ignoreIndex: i32, smoothing: f32, faultCode: i32, firstRow: u32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<Element>;           // (rows, cols)
@group(0) @binding(2) var<storage, read> labels: array<i32>;               // (rows)
@group(0) @binding(3) var<storage, read> weight: array<Element>;           // (cols), of the classes
@group(0) @binding(4) var<storage, read> labelWeight: array<f32>;          // (1), what MEAN divides by, unless SINGLE_WORKGROUP
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;         // (rows), with SINGLE_WORKGROUP their sum (1)
@group(0) @binding(6) var<storage, read_write> gradLogits: array<Element>; // (rows, cols)
@group(0) @binding(7) var<storage, read_write> faults: array<i32>;         // (4): code, row, label of one out of range
override HAS_WEIGHT: bool = false;
override SMOOTH: bool = false;
override MEAN: bool = true;
override GRAD: bool = true;
override SINGLE_WORKGROUP: bool = false;

fn is_class(label: i32) -> bool { return label >= 0 && u32(label) < params.cols * WIDTH; }

/** The weight of a label: that of its class, 0 if it is ignored or out of range. */
fn weight_of(label: i32) -> f32 {
  if (label == params.ignoreIndex || !is_class(label)) { return 0.0; }
  if (!HAS_WEIGHT) { return 1.0; }
  return component(weight[u32(label) / WIDTH], u32(label) % WIDTH);
}

/** The factor of losses and gradients; NaN if no label counts, as in PyTorch. */
fn mean_scale(thread: u32) -> f32 {
  if (!MEAN) { return 1.0; }
  var sum = 0.0;
  if (SINGLE_WORKGROUP && WORKGROUP <= MAX_SERIAL_THREADS) {
    // In every thread: a reduction would take longer to compile than this to run.
    for (var row = 0u; row < params.rows; row++) { sum += weight_of(labels[row]); }
  } else if (SINGLE_WORKGROUP) {
    for (var row = thread; row < params.rows; row += WORKGROUP) { sum += weight_of(labels[row]); }
    sum = group_sum(sum, thread);
  } else {
    sum = labelWeight[0];
  }
  return 1.0 / sum + nan_if(sum == 0.0);
}

/** The loss of one row; writes its part of gradLogits. */
fn row_loss(row: u32, thread: u32, scale: f32) -> f32 {
  let first = first_column(thread);
  let start = min(row, params.rows - 1u) * params.cols;
  let label = labels[min(row, params.rows - 1u)];
  var most = Element(-LARGEST_F32);
  for (var i = first; i < params.cols; i += ROW_THREADS) { most = max(most, logits[start + i]); }
  let rowMost = row_max(largest(most), thread);
  var sums = Element();
  var weights = Element();
  var weighted = Element();
  for (var begin = first; begin < params.cols; begin += SUM_BLOCK * ROW_THREADS) {
    var block = Element();
    var blockWeights = Element();
    var blockWeighted = Element();
    for (var i = begin; i < min(begin + SUM_BLOCK * ROW_THREADS, params.cols); i += ROW_THREADS) {
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
  let sum = row_sum(total(sums), thread);
  let invalid = nan_of(sum) + nan_if(sum == 0.0); // log may swallow NaN
  let onLabel = weight_of(label) * (1.0 - params.smoothing);
  let onAll = params.smoothing / f32(params.cols * WIDTH);
  var onSum = onLabel;
  let picked = u32(select(0, label, is_class(label)));
  let own = component(logits[start + picked / WIDTH], picked % WIDTH) - rowMost;
  var loss = onLabel * (log_exact(sum) - own) + invalid;
  if (SMOOTH) {
    let weightSum = row_sum(total(weights), thread);
    loss += onAll * (weightSum * log_exact(sum) - row_sum(total(weighted), thread));
    onSum += onAll * weightSum;
  }
  let ignored = label == params.ignoreIndex || row >= params.rows;
  let unknown = !ignored && !is_class(label);
  if (unknown && first == 0u) {
    faults[0] = params.faultCode;
    faults[1] = i32(params.firstRow + row);
    faults[2] = label;
  }
  if (GRAD) {
    let end = select(0u, params.cols, row < params.rows);
    let onExp = onSum * scale / sum + invalid;
    for (var i = first; i < end; i += ROW_THREADS) {
      var grad = exp_below_zero(logits[start + i] - rowMost) * onExp;
      grad -= select(Element(), Element(onLabel * scale), indices(i) == Indices(picked));
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
fn main(@builtin(local_invocation_index) thread: u32, grid: Grid) {
  let scale = mean_scale(thread);
  var sum = 0.0;
  for (var base = first_rows(grid); base < params.rows; base += row_stride(grid)) {
    let row = row_of(base, thread);
    let loss = row_loss(row, thread, scale) * scale;
    if (first_column(thread) == 0u && row < params.rows) {
      sum += loss;
      if (!SINGLE_WORKGROUP) { losses[row] = loss; }
    }
  }
  if (SINGLE_WORKGROUP) {
    let lossSum = group_sum(sum, thread);
    // All labels ignored: the mean of nothing.
    if (thread == 0u) { losses[0] = lossSum + scale * 0.0; }
  }
}
