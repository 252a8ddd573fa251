// Joins the slices' sums, in order: the gradients of weight and bias, and what each channel's gradX is corrected by.
struct Params { channels: u32, slices: u32, size: u32, weightAt: u32, biasAt: u32 } // places in grads; NONE: not wanted
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>; // (slices, 2, channels)
@group(0) @binding(2) var<storage, read> stats: array<f32>; // (4, channels): mean, 1 / std, scale, shift
@group(0) @binding(3) var<storage, read_write> corrections: array<f32>; // (2, channels): constant, per difference to the mean
@group(0) @binding(4) var<storage, read_write> grads: array<f32>; // holds gradWeight (channels) and gradBias (channels)
override WORKGROUP: u32 = 64;
const NONE = 0xffffffffu;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let channel = id.x;
  if (channel >= params.channels) { return; }
  var sum = vec2f();
  for (var slice = 0u; slice < params.slices; slice++) {
    let at = slice * 2u * params.channels + channel;
    sum += vec2f(parts[at], parts[at + params.channels]);
  }
  let rstd = stats[params.channels + channel];
  let scale = stats[2u * params.channels + channel] / f32(params.size);
  corrections[channel] = scale * sum.x;
  corrections[params.channels + channel] = scale * rstd * rstd * sum.y;
  if (params.weightAt != NONE) { grads[params.weightAt + channel] = sum.y * rstd; }
  if (params.biasAt != NONE) { grads[params.biasAt + channel] = sum.x; }
}
