import { expect, it } from "vitest";
import { minify, tokensOf } from "../../scripts/minify-wgsl.ts";
import { reflect } from "../../src/gpu/reflect.ts";
import { packedShaders } from "../support/shaders.ts";

const example = `
// Words that people need.
struct Params { count: u32, scale: f32, }
struct Pair { first: f32, x: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<private> table: array<f32, 2> = array<f32, 2>(1.0, 0.250);
override LANES: u32 = 4;
fn twice(value: f32) -> Pair { let first = value - -value; return Pair(first, 10.0 * x[0].x); }
@compute @workgroup_size(LANES) fn main(@builtin(workgroup_id) twice_the_group: vec3u) {
  y[0] = twice(f32(params.count)).first;
}`;

it("minifyWgsl shortens names that the host does not use, and keeps the others", () => {
  expect(minify([example], []).shaders[0]?.join("\n")).toBe(
    `
struct B{count:u32,scale:f32}
struct A{c:f32,x:f32}
@group(0)@binding(0)var<uniform>C:B;
@group(0)@binding(1)var<storage,read>x:array<f32>;
@group(0)@binding(2)var<storage,read_write>y:array<f32>;
var<private>E:array<f32,2> =array<f32,2>(1.,.25);
override LANES:u32=4;
fn D(a:f32)->A{let b=a- -a;return A(b,10.*x[0].x);}
@compute@workgroup_size(LANES)fn main(@builtin(workgroup_id)a:vec3u){y[0]=D(f32(C.count)).c;}`.trim(),
  );
});

it.each(packedShaders)("$name has the same bindings when minified", ({ code, packed }) => {
  const known = (wgsl: string) => {
    const { bindings, ...rest } = reflect(wgsl);
    return { ...rest, bindings: bindings.map(({ type: _, ...binding }) => binding) };
  };
  expect(known(packed)).toEqual(known(code));
});

it.each(packedShaders)(
  "$name is the same program when minified: in each declaration old and new names pair up",
  ({ code, packed }) => {
    const before = tokensOf(code.replace(/,(?=\s*[)}])/g, ""));
    const after = tokensOf(packed);
    expect(after).toHaveLength(before.length);
    let pairs = new Map<string, string>();
    let depth = 0;
    before.forEach((token, i) => {
      const now = after[i] as string;
      if (token === "{") depth++;
      if (token === "}") depth--;
      if (/^[\d.]/.test(token) && token !== ".") expect(Number.parseFloat(now)).toBe(Number.parseFloat(token));
      else if (!/^\w/.test(token)) expect(now).toBe(token);
      else {
        // Members are names of their own: those of a struct stand behind points elsewhere.
        const kind = before[i - 1] === "." ? "." : "";
        for (const [from, to] of [
          [`old ${kind}${token}`, now],
          [`new ${kind}${now}`, token],
        ] as const) {
          expect(pairs.get(from) ?? to, `${token} became ${now}`).toBe(to);
          pairs.set(from, to);
        }
      }
      if (depth === 0 && /[;}]/.test(token)) pairs = new Map();
    });
  },
);
