// Activation functions and their derivatives. All are finite for every finite input, and keep their relative accuracy where
// the plain formulas cancel (tanh and expm1 near 0, softplus and gelu far below 0). NaN passes through.
// Names ending in `_grad` take the input x; those ending in `_grad_y` take the saved output y.
import package::lib::elementary::{exp_exact, exp_scaled, exp_square, expm1_negative, is_infinite, is_nan, is_negative, log1p_exact, nan_beside, Scaled, unless_nan, unscaled};

fn relu(x: f32) -> f32 { return select(x, 0.0, is_negative(x)); }
/** 1 for NaN too, which thus goes on. */
fn relu_grad_y(y: f32) -> f32 { return select(1.0, 0.0, is_negative(y) || (bitcast<u32>(y) << 1u) == 0u); }

fn leaky_relu(x: f32, slope: f32) -> f32 { return select(x, slope * x, is_negative(x)); }
/** Also right for x in place of y; y has the sign of x only while slope > 0. */
fn leaky_relu_grad_y(y: f32, slope: f32) -> f32 { return select(slope, 1.0, y > 0.0); }

fn elu(x: f32, alpha: f32) -> f32 { return select(x, alpha * expm1_negative(min(x, 0.0)), is_negative(x)); }
fn elu_grad(x: f32, alpha: f32) -> f32 { return select(unless_nan(1.0, x), alpha * exp_exact(x), is_negative(x)); }

/** exp(-|x|). */
fn exp_of_size(x: f32) -> Scaled { return exp_scaled(-abs(x), 0.0); }

fn sigmoid(x: f32) -> f32 {
  let e = unscaled(exp_of_size(x));
  return unless_nan(select(1.0, e, is_negative(x)) / (1.0 + e), x);
}
fn sigmoid_grad_y(y: f32) -> f32 { return y * (1.0 - y); }

/** x sigmoid(x). Below 0 x times exp(x) is formed first, since exp(x) may be subnormal where the product is not. */
fn silu(x: f32) -> f32 {
  let e = exp_of_size(x);
  let s = 1.0 / (1.0 + unscaled(e));
  let below = select(unscaled(Scaled(max(x, -150.0) * e.m, e.n)), nan_beside(x), is_infinite(x));
  return unless_nan(select(x, below, is_negative(x)) * s, x);
}
fn silu_grad(x: f32) -> f32 {
  let e = exp_of_size(x);
  let small = unscaled(e);
  let s = 1.0 / (1.0 + small);
  let above = s * (1.0 + unscaled(Scaled(min(x, 150.0) * e.m, e.n)) * s);
  let below = unscaled(Scaled((1.0 + max(x, -150.0) * s) * e.m, e.n)) * s;
  return select(select(above, below, is_negative(x)), nan_beside(x), is_infinite(x)) + nan_of(x);
}

/** The built-in tanh overflows to NaN on some drivers. */
fn tanh_safe(x: f32) -> f32 {
  let t = expm1_negative(-2.0 * abs(x));
  let size = bitcast<u32>(-t / (2.0 + t)) & 0x7fffffffu;
  return unless_nan(bitcast<f32>(size | (bitcast<u32>(x) & 0x80000000u)), x);
}
fn tanh_grad_y(y: f32) -> f32 { return 1.0 - y * y; }

fn softplus(x: f32) -> f32 { return unless_nan(max(x, 0.0) + log1p_exact(unscaled(exp_of_size(x))), x); }
fn softplus_grad(x: f32) -> f32 { return sigmoid(x); }

/** x * Phi(x) with the normal distribution function itself, not the tanh approximation. Hendrycks and Gimpel 2016. */
fn gelu(x: f32) -> f32 {
  let e = exp_square(x, 0.5);
  let tail = 0.5 * erfc_factor(1.0 / (1.0 + 0.3535533906 * min(abs(x), 16.5))) * e.m;
  let above = x * (1.0 - unscaled(Scaled(tail, e.n)));
  let below = select(unscaled(Scaled(max(x, -16.5) * tail, e.n)), nan_beside(x), is_infinite(x));
  return unless_nan(select(above, below, is_negative(x)), x);
}

/** Phi(x) + x phi(x). */
fn gelu_grad(x: f32) -> f32 {
  let e = exp_square(x, 0.5);
  let z = clamp(x, -16.5, 16.5);
  let tail = 0.5 * erfc_factor(1.0 / (1.0 + 0.3535533906 * abs(z)));
  let density = z * 0.3989422804;
  let below = unscaled(Scaled((tail + density) * e.m, e.n));
  let above = 1.0 + unscaled(Scaled((density - tail) * e.m, e.n));
  return unless_nan(select(select(above, below, is_negative(x)), nan_beside(x), is_infinite(x)), x);
}

/** Error function. */
fn erf_approx(x: f32) -> f32 {
  let s = min(x * x, 1.0);
  let near = x * (1.12837912 + s * (-0.376123262 + s * (0.112801805 + s * (-0.0267113223 + s * (0.00491756367 - s * 0.000563147019)))));
  let t = min(abs(x), 10.5);
  let far = 1.0 - exp_exact(-t * t) * erfc_factor(1.0 / (1.0 + 0.5 * t));
  return unless_nan(select(select(far, -far, is_negative(x)), near, abs(x) < 1.0), x);
}

/** exp(t^2) (1 - erf(t)) for t >= 0, as a polynomial in u = 1 / (1 + t/2). */
fn erfc_factor(u: f32) -> f32 {
  let high = 0.203621993 + u * (-0.0288375894 + u * (0.281279157 + u * (-0.490007534 + u * (0.285930627 - u * 0.059346717))));
  return u * (0.28208458 + u * (0.282407669 + u * (0.242867771 + u * high)));
}

/** The slope of the error function. */
fn erf_grad(x: f32) -> f32 {
  let e = exp_square(x, 1.0);
  return unless_nan(unscaled(Scaled(1.128379167 * e.m, e.n)), x);
}

/** 0, or NaN where x is NaN. */
fn nan_of(x: f32) -> f32 { return select(0.0, x, is_nan(x)); }
