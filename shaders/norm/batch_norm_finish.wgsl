// Joins the slices' statistics in order by Chan's formula, computes what is applied, and updates the running statistics.
struct Params {
  channels: u32,
  slices: u32,
  sliceSize: u32, // values per channel in a slice; the last may have fewer
  size: u32,      // values per channel
  momentum: f32,  // negative: average over all batches so far
  eps: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;   // (slices, 2, channels)
@group(0) @binding(2) var<storage, read> weight: array<f32>;  // (channels)
@group(0) @binding(3) var<storage, read> bias: array<f32>;    // (channels)
@group(0) @binding(4) var<storage, read> batches: array<i32>; // (1): batches seen before this one
@group(0) @binding(5) var<storage, read_write> stats: array<f32>;       // (4, channels): mean, rstd, scale, shift
@group(0) @binding(6) var<storage, read_write> runningMean: array<f32>; // (channels)
@group(0) @binding(7) var<storage, read_write> runningVar: array<f32>;  // (channels)
override WORKGROUP: u32 = 64;
override HAS_WEIGHT: bool = true;
override HAS_BIAS: bool = true;
// false: normalize by the running statistics.
override BATCH: bool = true;
override TRACK: bool = true;

/** Slices that are loaded before they are joined, so that their loads need not wait for each other. */
const AT_ONCE = 4u;

/** Mean, sum of squared differences and size of a channel in one slice. */
fn slice_of(slice: u32, channel: u32) -> vec3f {
  let at = slice * 2u * params.channels + channel;
  return vec3f(parts[at], parts[at + params.channels], f32(min(params.sliceSize, params.size - slice * params.sliceSize)));
}

/** The same of what has been joined (at first nothing) and of a slice, which is never empty, together. */
fn join(a: vec3f, b: vec3f) -> vec3f {
  let difference = b.x - a.x;
  let count = a.z + b.z;
  return vec3f(a.x + difference * (b.z / count), a.y + b.y + difference * difference * (a.z * b.z / count), count);
}

/** Mean and sum of squared differences over all slices. */
fn join_slices(channel: u32) -> vec2f {
  var joined = vec3f();
  var slice = 0u;
  for (; slice + AT_ONCE <= params.slices; slice += AT_ONCE) {
    var loaded: array<vec3f, AT_ONCE>; // @values
    for (var k = 0u; k < AT_ONCE; k++) { // @unroll
      loaded[k] = slice_of(slice + k, channel);
    }
    for (var k = 0u; k < AT_ONCE; k++) { // @unroll
      joined = join(joined, loaded[k]);
    }
  }
  for (; slice < params.slices; slice++) { joined = join(joined, slice_of(slice, channel)); }
  return joined.xy;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let channel = id.x;
  if (channel >= params.channels) { return; }
  var mean = 0.0;
  var variance = 0.0;
  if (BATCH) {
    let joined = join_slices(channel);
    mean = joined.x;
    variance = joined.y / f32(params.size);
    if (TRACK) {
      let unbiased = joined.y / f32(params.size - 1u);
      let share = select(params.momentum, 1.0 / f32(batches[0] + 1), params.momentum < 0.0);
      runningMean[channel] += (mean - runningMean[channel]) * share;
      runningVar[channel] += (unbiased - runningVar[channel]) * share;
    }
  } else {
    mean = runningMean[channel];
    variance = runningVar[channel];
  }
  let rstd = inverseSqrt(variance + params.eps);
  var scale = rstd;
  if (HAS_WEIGHT) { scale *= weight[channel]; }
  var shift = 0.0;
  if (HAS_BIAS) { shift = bias[channel]; }
  stats[channel] = mean;
  stats[params.channels + channel] = rstd;
  stats[2u * params.channels + channel] = scale;
  stats[3u * params.channels + channel] = shift;
}
