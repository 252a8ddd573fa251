// All time steps of a recurrent layer in one dispatch: a workgroup owns rows of the batch, which no other row needs,
// and takes them through time.
import package::lib::element::WIDTH;
import package::lib::recurrent::{GATES, Units};
import package::lib::recurrent_backward::UnitGradients;

struct Params {
  batch: u32, time: u32, width: u32,
  reverse: u32,         // 1: from the last time to the first
  gateStride: u32,      // f32 from the gates of one time to those of the next
  stateStride: u32,     // and from one state to the next
  hasBias: u32,
  needsStart: u32,      // backward: the gradient of the first state is wanted
}
@group(0) @binding(0) var<uniform> params: Params;

// The same in Elements.
fn row_width() -> u32 { return params.width / WIDTH; }
fn gate_stride() -> u32 { return params.gateStride / WIDTH; }
fn state_stride() -> u32 { return params.stateStride / WIDTH; }

/** The time of a step: forward takes the steps from 0 on, backward from the last. */
fn time_of(step: u32) -> u32 { return select(step, params.time - 1u - step, params.reverse != 0u); }

/** Offset of the state before a time, and of that after it. */
fn state_before(t: u32) -> u32 { return (t + params.reverse) * state_stride(); }
fn state_after(t: u32) -> u32 { return (t + 1u - params.reverse) * state_stride(); }

/** The place of units of a row at a time; `gatesAt` is the offset of the time in gates. */
fn units_at(t: u32, gatesAt: u32, row: u32, unit: u32) -> Units {
  let gate = row * GATES * row_width() + unit;
  let state = row * row_width() + unit;
  return Units(t * params.batch * GATES * row_width() + gate, gatesAt + gate, state_before(t) + state, state_after(t) + state);
}

fn gradients_at(t: u32, row: u32, unit: u32) -> UnitGradients {
  let state = row * row_width() + unit;
  return UnitGradients(t * params.batch * row_width() + state, state, state_stride() + state);
}
