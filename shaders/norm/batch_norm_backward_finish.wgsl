// Adds the slices' sums in order: the gradients of weight and bias, and the corrections of each channel's gradX.
import package::lib::slices::{slice_sums, NONE};

struct Params { channels: u32, slices: u32, size: u32, weightAt: u32, biasAt: u32 } // offsets in grads; NONE: not computed
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> stats: array<f32>; // (4, channels): mean, rstd, scale, shift
@group(0) @binding(3) var<storage, read_write> corrections: array<f32>; // (2, channels): constant, per difference from the mean
@group(0) @binding(4) var<storage, read_write> grads: array<f32>; // holds gradWeight (channels) and gradBias (channels)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let channel = id.x;
  if (channel >= params.channels) { return; }
  let sum = slice_sums(channel, params.channels, params.slices);
  let rstd = stats[params.channels + channel];
  let scale = stats[2u * params.channels + channel] / f32(params.size);
  corrections[channel] = scale * sum.x;
  corrections[params.channels + channel] = scale * rstd * rstd * sum.y;
  if (params.weightAt != NONE) { grads[params.weightAt + channel] = sum.y * rstd; }
  if (params.biasAt != NONE) { grads[params.biasAt + channel] = sum.x; }
}
