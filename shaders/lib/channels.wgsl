// Where the kernels of batch norm stand in x (batch, channels, inner). With CHANNEL_PLANES a channel's values are runs of `inner`
// Elements, shared by ROW_LANES lanes; without, inner is 1, Elements hold neighbouring channels, and lanes go along them.
// Workgroups along y each take a slice of the batch.
import package::lib::element::WIDTH;
import package::lib::row::{ROW_LANES, rows_at_once};

struct Params {
  batch: u32,
  channels: u32, // in Elements, unless CHANNEL_PLANES
  inner: u32,    // in Elements if CHANNEL_PLANES, else 1
  sliceBatch: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
override CHANNEL_PLANES: bool = false;

/** The channel (or Element of channels) of a lane; may lie past the last one. */
fn channel_of(wid: vec3u, lane: u32) -> u32 { return wid.x * rows_at_once() + lane / ROW_LANES; }

/** First and past-the-last place in the batch of a workgroup's slice; empty past the last channel. */
fn slice_of(wid: vec3u, channel: u32) -> vec2u {
  let begin = wid.y * params.sliceBatch;
  return vec2u(begin, select(begin, min(begin + params.sliceBatch, params.batch), channel < params.channels));
}

fn run_of(n: u32, channel: u32) -> u32 { return (n * params.channels + channel) * params.inner; }

/** Channels as they are counted in arrays per channel. */
fn channel_count() -> u32 { return params.channels * select(WIDTH, 1u, CHANNEL_PLANES); }

/** Place of a lane's first channel in arrays per channel; four follow each other from there when an Element holds channels. */
fn channel_place(row: u32, channel: u32) -> u32 { return row * channel_count() + channel * select(WIDTH, 1u, CHANNEL_PLANES); }
