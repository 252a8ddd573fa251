import { expect, it } from "vitest";
import { compact, declarations, shaderModule } from "../../scripts/shader-module.ts";

const helper = "fn twice_of_all_that_is_given(value: f32) -> f32 { return value + value; }";
const shader = (name: string) => ({
  name,
  wgsl: `// A comment.
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
${helper}
@compute @workgroup_size(1) fn main() { y[0] = twice_of_all_that_is_given(f32(${name.length})); }`,
});

it("squeezes what only people need, and no operator out of shape", () => {
  expect(compact("let a = b - -c;")).toBe("let a=b - -c;");
  expect(compact("var<private> x : array<f32, 4> = array<f32, 4>();")).toBe(
    "var<private> x:array<f32,4> =array<f32,4>();",
  );
  expect(compact("fn f() {\n  // why\n  return;\n\n}")).toBe("fn f(){return;}");
});

it("parts WGSL into its declarations", () => {
  expect(declarations("enable f16;\nstruct P{a:u32,}\nfn main(){if(x){y();}}")).toEqual([
    "enable f16;",
    "struct P{a:u32,}",
    "fn main(){if(x){y();}}",
  ]);
});

it("writes once what several shaders share", () => {
  const text = shaderModule([shader("one"), shader("three")], "fn f() {}");
  expect(text.match(/fn twice_of_all_that_is_given/g)).toHaveLength(1);
  expect(text).toContain('export const one: Shader<"y", never, never> = /* @__PURE__ */ linkedShader("one", [');
  expect(text).toMatch(/linkedShader\("three", \[.*, shared0\]/);
  expect(text).toContain('export const mathLibrary = /* @__PURE__ */ ["fn f(){}\\n"].join("");');
});
