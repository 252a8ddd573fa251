// exp for softmax: of differences from the largest value, which may be -inf or NaN.
import package::lib::element::{Element, Indices, nans_of};

// exp(-110) is 0 in f32; smaller arguments, -inf included, are clamped to it.
const EXP_LIMIT = 110.0;
const LARGEST_F32 = 3.4028234663852886e38;

/** exp(d) for d <= 0, like exp_exact. NaN stays NaN: the clamp may swallow it, so it is added again. */
fn exp_below_zero(d: Element) -> Element {
  let x = max(d, Element(-EXP_LIMIT));
  let n = round(x * 1.442695041);
  let r = (x - n * 0.693359375) + n * 2.12194440e-4;
  let series = 0.5000000059 + r * (0.1666666684 + r * (0.04166630255 + r * (0.008333267302 + r * (0.001394517291 + r * 0.0001991780945))));
  let power = 1.0 + (r + r * r * series);
  let halvings = Indices(-n);
  let first = halvings / 2u;
  let value = (power * half_to(first)) * half_to(halvings - first);
  return value + nans_of(d);
}

/** 2^-n for n <= 126. */
fn half_to(n: Indices) -> Element { return bitcast<Element>((Indices(127u) - n) << Indices(23u)); }

/** NaN if `bad`, else 0; made from bits at run time, since WGSL refuses a constant NaN. */
fn nan_if(bad: bool) -> f32 { return bitcast<f32>(select(0u, 0x7fc00000u, bad)); }
