// What a kernel over rows moves at once. Every kernel that imports this is linked twice: as it is named, with one f32, and as
// `<name>_vec4`, with four neighbours, for rows whose length is a multiple of four.

@if(VEC4) alias Element = vec4f;
@else alias Element = f32;

/** One whole number per component of an Element. */
@if(VEC4) alias Places = vec4u;
@else alias Places = u32;

@if(VEC4) const WIDTH = 4u;
@else const WIDTH = 1u;

@if(VEC4) fn total(v: Element) -> f32 { return (v.x + v.y) + (v.z + v.w); }
@else fn total(v: Element) -> f32 { return v; }

@if(VEC4) fn largest(v: Element) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
@else fn largest(v: Element) -> f32 { return v; }

@if(VEC4) fn component(v: Element, k: u32) -> f32 { return v[k]; }
@else fn component(v: Element, k: u32) -> f32 { return v; }

/** Where the components of the i-th Element of a row stand in the row. */
@if(VEC4) fn places(i: u32) -> Places { return vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u); }
@else fn places(i: u32) -> Places { return i; }

@if(VEC4) fn element_of(a: vec4f) -> Element { return a; }
@else fn element_of(a: vec4f) -> Element { return a.x; }
