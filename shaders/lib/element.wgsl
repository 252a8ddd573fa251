// The unit that a kernel over rows moves at once. Every kernel that imports this is linked twice: under its name, with one f32,
// and as `<name>_vec4`, with four neighbors, for rows whose length is a multiple of 4.

@if(VEC4) alias Element = vec4f;
@else alias Element = f32;

/** One integer per component of an Element. */
@if(VEC4) alias Indices = vec4u;
@else alias Indices = u32;

/** An Element's 32-bit words, whatever they mean. */
@if(VEC4) alias Bits = vec4u;
@else alias Bits = u32;

@if(VEC4) const WIDTH = 4u;
@else const WIDTH = 1u;

@if(VEC4) fn total(v: Element) -> f32 { return (v.x + v.y) + (v.z + v.w); }
@else fn total(v: Element) -> f32 { return v; }

@if(VEC4) fn largest(v: Element) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
@else fn largest(v: Element) -> f32 { return v; }

@if(VEC4) fn component(v: Element, k: u32) -> f32 { return v[k]; }
@else fn component(v: Element, k: u32) -> f32 { return v; }

/** The column of each component of the i-th Element of a row. */
@if(VEC4) fn indices(i: u32) -> Indices { return vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u); }
@else fn indices(i: u32) -> Indices { return i; }

@if(VEC4) fn element_of(a: vec4f) -> Element { return a; }
@else fn element_of(a: vec4f) -> Element { return a.x; }

/** v where it is NaN, else 0: `nan_of` for each component. */
fn nans_of(v: Element) -> Element {
  return select(Element(), v, (bitcast<Indices>(v) & Indices(0x7fffffffu)) > Indices(0x7f800000u));
}
