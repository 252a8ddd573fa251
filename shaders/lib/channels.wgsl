// Indices of the batch norm kernels in x (batch, channels, inner). With CHANNEL_PLANES a channel's values are runs of `inner`
// Elements, shared by ROW_THREADS threads; without, inner is 1, Elements hold neighboring channels, and threads go along them.
// Workgroups along y each take a slice of the batch.
import package::lib::element::WIDTH;
import package::lib::row::{ROW_THREADS, rows_at_once};

struct Params {
  batch: u32,
  channels: u32, // in Elements, unless CHANNEL_PLANES
  inner: u32,    // in Elements if CHANNEL_PLANES, else 1
  sliceBatch: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
override CHANNEL_PLANES: bool = false;

/** The channel (or Element of channels) of a thread; may lie past the last one. */
fn channel_of(workgroup: vec3u, thread: u32) -> u32 { return workgroup.x * rows_at_once() + thread / ROW_THREADS; }

/** The range [first, end) of a workgroup's slice of the batch; empty past the last channel. */
fn slice_of(workgroup: vec3u, channel: u32) -> vec2u {
  let begin = workgroup.y * params.sliceBatch;
  return vec2u(begin, select(begin, min(begin + params.sliceBatch, params.batch), channel < params.channels));
}

/** The offset in x of a channel's run in image n. */
fn run_of(n: u32, channel: u32) -> u32 { return (n * params.channels + channel) * params.inner; }

/** Channels, counted one by one. */
fn channel_count() -> u32 { return params.channels * select(WIDTH, 1u, CHANNEL_PLANES); }

/** The offset of a thread's first channel in arrays (rows, channels); an Element of channels continues from there. */
fn channel_offset(row: u32, channel: u32) -> u32 { return row * channel_count() + channel * select(WIDTH, 1u, CHANNEL_PLANES); }
