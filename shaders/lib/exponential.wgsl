// exp for softmax: of differences to the largest value, which may be -inf or NaN.
import package::lib::element::{Element, Places};

// exp(-110) is 0 in f32; what lies below, -inf included, is kept away from exp.
const EXP_LIMIT = 110.0;
const LARGEST_F32 = 3.4028234663852886e38;

/** exp(d) for d <= 0, as exp_exact. NaN stays NaN: the clamp may swallow it, so it is added again. */
fn exp_below_zero(d: Element) -> Element {
  let isNan = (bitcast<Places>(d) & Places(0x7fffffffu)) > Places(0x7f800000u);
  let x = max(d, Element(-EXP_LIMIT));
  let n = round(x * 1.442695041);
  let r = (x - n * 0.693359375) + n * 2.12194440e-4;
  let series = 0.5000000059 + r * (0.1666666684 + r * (0.04166630255 + r * (0.008333267302 + r * (0.001394517291 + r * 0.0001991780945))));
  let power = 1.0 + (r + r * r * series);
  let halvings = Places(-n);
  let first = halvings / 2u;
  let value = (power * half_to(first)) * half_to(halvings - first);
  return value + select(Element(), d, isNan);
}

/** 2^-n for n <= 126. */
fn half_to(n: Places) -> Element { return bitcast<Element>((Places(127u) - n) << Places(23u)); }

/** NaN where `bad`: by its bits, known at run time only, since WGSL refuses a constant NaN. */
fn nan_if(bad: bool) -> f32 { return bitcast<f32>(select(0u, 0x7fc00000u, bad)); }
