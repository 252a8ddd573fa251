// exp for softmax: of differences to the largest value, which may be -inf or NaN.
import package::lib::element::{Element, Places};

// exp(-110) is 0 in f32; what lies below, -inf included, is kept away from exp.
const EXP_LIMIT = 110.0;
const LARGEST_F32 = 3.4028234663852886e38;

/** exp(d) for d <= 0. NaN stays NaN: the clamp may swallow it, so it is added again. */
fn exp_below_zero(d: Element) -> Element {
  let isNan = (bitcast<Places>(d) & Places(0x7fffffffu)) > Places(0x7f800000u);
  return exp(max(d, Element(-EXP_LIMIT))) + select(Element(), d, isNan);
}

/** NaN where `bad`: by its bits, known at run time only, since WGSL refuses a constant NaN. */
fn nan_if(bad: bool) -> f32 { return bitcast<f32>(select(0u, 0x7fc00000u, bad)); }
