import { expect, it } from "vitest";
import { compact, costIn, declarations, shaderModule } from "../../scripts/shader-module.ts";
import { unroll } from "../../scripts/unroll-wgsl.ts";

const helper = "fn twice_of_all_that_is_given(value: f32) -> f32 { return value + value; }";
const shader = (name: string) => ({
  name,
  wgsl: `// A comment.
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
${helper}
@compute @workgroup_size(1) fn main() { y[0] = twice_of_all_that_is_given(f32(${name.length})); }`,
});

it("WGSL is stripped of comments and blanks, and its operators stay intact", () => {
  expect(compact("let a = b - -c;")).toBe("let a=b - -c;");
  expect(compact("var<private> x : array<f32, 4> = array<f32, 4>();")).toBe(
    "var<private> x:array<f32,4> =array<f32,4>();",
  );
  expect(compact("fn f() {\n  // why\n  return;\n\n}")).toBe("fn f(){return;}");
});

it("WGSL is split into its declarations", () => {
  expect(declarations("enable f16;\nstruct P{a:u32,}\nfn main(){if(x){y();}}")).toEqual([
    "enable f16;",
    "struct P{a:u32,}",
    "fn main(){if(x){y();}}",
  ]);
});

it("declarations that several shaders share are written once", () => {
  const text = shaderModule([shader("one"), shader("three")], { mathLibrary: "fn f() {}" });
  expect(text.match(/fn twice_of_all_that_is_given/g)).toHaveLength(1);
  expect(text).toContain(
    'export const one: Shader<{ y: Write<"f32"> }, Record<never, never>, never> = /* @__PURE__ */ linkedShader("one", [',
  );
  expect(text).toMatch(/linkedShader\("three", \[.*, shared0\]/);
  expect(text).toContain('export const mathLibrary = /* @__PURE__ */ ["fn f(){}\\n"].join("");');
});

it("writes the cost that a shader declares in comments as functions of its params and bytes", () => {
  const cost = costIn("// A product.\n// @flops 2 * M * N\n// @bytes 2 * written\nimport x;");
  expect(cost).toEqual({ flops: "2 * M * N", bytes: "2 * written" });
  const text = shaderModule([{ ...shader("one"), cost }], { mathLibrary: "fn f() {}" });
  expect(text).toContain("{ flops: ({ M, N }) => 2 * M * N, bytes: ({ written }) => 2 * written });");
  expect(costIn("// says @flops 2 in passing")).toEqual({});
});

it("unrolls marked loops and takes marked arrays apart", () => {
  const source = `const LANES = 2u;
fn main() {
  var c: array<f32, 4>; // @registers
  var a: array<f32, 2>; // @values
  for (var q = 0u; q < LANES; q++) { // @unroll
    a[q] = x[at.q + q];
    for (var r = 0u; r < 2u; r++) { // @unroll
      let w = q * a[q];
      c[LANES * q + r] += w;
    }
  }
  var sums = c;
}
fn c() {}
`;
  const words = (text: string) => text.split(/\s+/).join(" ");
  const step = (q: number, r: number) => `{ let w = ${q}u * a${q}; c${2 * q + r} += w; }`;
  const pass = (q: number) => `let a${q} = x[at.q + ${q}u]; ${step(q, 0)} ${step(q, 1)}`;
  const zeros = [0, 1, 2, 3].map((i) => `var c${i} = f32();`).join(" ");
  expect(words(unroll(source))).toBe(
    `const LANES = 2u; fn main() { ${zeros} ${pass(0)} ${pass(1)} var sums = array<f32, 4>(c0, c1, c2, c3); } fn c() {} `,
  );
  expect(() => unroll("for (var i = 0u; i < N; i++) { // @unroll\n}\n")).toThrow("unroll: 'N' is neither");
});
