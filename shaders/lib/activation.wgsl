// Activation functions and their derivatives. All are finite for every finite input, and keep their relative accuracy where
// the plain formulas cancel (tanh and expm1 near 0, softplus and gelu far below 0). NaN passes through.
// Names ending in `_grad` take the input x; those ending in `_grad_y` take the saved output y.

// exp(-110) is 0 in f32: clamping here changes no result and keeps huge arguments away from exp.
const EXP_LIMIT = 110.0;

fn relu(x: f32) -> f32 { return select(x, 0.0, x < 0.0); }
fn relu_grad_y(y: f32) -> f32 { return select(0.0, 1.0, y > 0.0); }

fn leaky_relu(x: f32, slope: f32) -> f32 { return select(x, slope * x, x < 0.0); }
/** Also right for x in place of y; y has the sign of x only while slope > 0. */
fn leaky_relu_grad_y(y: f32, slope: f32) -> f32 { return select(slope, 1.0, y > 0.0); }

fn elu(x: f32, alpha: f32) -> f32 { return select(x, alpha * expm1_negative(min(x, 0.0)), x < 0.0); }
/** Needs alpha > 0. */
fn elu_grad_y(y: f32, alpha: f32) -> f32 { return select(y + alpha, 1.0, y > 0.0); }

fn sigmoid(x: f32) -> f32 {
  let e = exp(-min(abs(x), EXP_LIMIT));
  return select(e, 1.0, x >= 0.0) / (1.0 + e) + nan_of(x);
}
fn sigmoid_grad_y(y: f32) -> f32 { return y * (1.0 - y); }

fn silu(x: f32) -> f32 { return x * sigmoid(x); }
fn silu_grad(x: f32) -> f32 { return sigmoid(x) * (1.0 + x * sigmoid(-x)); }

/** The built-in tanh overflows to NaN on some drivers. */
fn tanh_safe(x: f32) -> f32 {
  let t = expm1_negative(-2.0 * min(abs(x), 0.5 * EXP_LIMIT));
  return select(t, -t, x >= 0.0) / (2.0 + t) + nan_of(x);
}
fn tanh_grad_y(y: f32) -> f32 { return 1.0 - y * y; }

fn softplus(x: f32) -> f32 { return max(x, 0.0) + log1p_unit(exp(-min(abs(x), EXP_LIMIT))) + nan_of(x); }
fn softplus_grad(x: f32) -> f32 { return sigmoid(x); }

/** x * Phi(x) with the normal distribution function itself, not the tanh approximation. Hendrycks and Gimpel 2016. */
fn gelu(x: f32) -> f32 { return x * normal_cdf(x); }
fn gelu_grad(x: f32) -> f32 {
  let z = clamp(x, -16.0, 16.0);
  return normal_cdf(x) + z * exp(-0.5 * z * z) * 0.3989422804;
}

fn normal_cdf(x: f32) -> f32 { return 0.5 * erfc_approx(-0.7071067812 * x); }

/** Error function, about 1e-7. */
fn erf_approx(x: f32) -> f32 {
  let s = min(x * x, 1.0);
  let near = x * (1.12837912 + s * (-0.376123262 + s * (0.112801805 + s * (-0.0267113223 + s * (0.00491756367 - s * 0.000563147019)))));
  return select(1.0 - erfc_approx(x), near, abs(x) < 1.0);
}

/** 1 - erf(x), relatively accurate for large x too: exp(-t^2) times a polynomial fit of exp(t^2) erfc(t) in u = 1 / (1 + t/2). */
fn erfc_approx(x: f32) -> f32 {
  let t = min(abs(x), 10.5);
  let u = 1.0 / (1.0 + 0.5 * t);
  let high = 0.203107953 + u * (-0.0276178146 + u * (0.279503008 + u * (-0.488451247 + u * (0.285177577 - u * 0.0591921355))));
  let tail = exp(-t * t) * u * (0.282085577 + u * (0.282390025 + u * (0.242997014 + u * high)));
  return select(2.0 - tail, tail, x >= 0.0) + nan_of(x);
}

/** exp(x) - 1 for x <= 0: a Taylor series where the difference would cancel. */
fn expm1_negative(x: f32) -> f32 {
  let series = x * (1.0 + x * (0.5 + x * (0.1666666667 + x * (0.04166666667 + x * (0.008333333333 + x * (0.001388888889 + x * 0.0001984126984))))));
  return select(exp(max(x, -EXP_LIMIT)) - 1.0, series, x > -0.35);
}

/** log(1 + e) for e in [0, 1], as 2 atanh(e / (2 + e)). */
fn log1p_unit(e: f32) -> f32 {
  let s = e / (2.0 + e);
  let q = s * s;
  return 2.0 * s * (1.0 + q * (0.3333333333 + q * (0.2 + q * (0.1428571429 + q * (0.1111111111 + q * (0.09090909091 + q * (0.07692307692 + q * 0.06666666667)))))));
}

/** 0, or NaN where x is NaN: min, max and exp may swallow it, and a divergence must show. Bits, since x != x is folded away. */
fn nan_of(x: f32) -> f32 { return select(0.0, x, (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u); }
