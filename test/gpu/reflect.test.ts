import { describe, expect, it } from "vitest";
import { GradwellError } from "../../src/errors.ts";
import { reflect, stripComments } from "../../src/gpu/reflect.ts";

const entry = "@compute @workgroup_size(64) fn main() {}";
const withParams = (members: string) =>
  reflect(`struct P { ${members} }\n@group(0) @binding(0) var<uniform> p: P;\n${entry}`);
const offsets = (members: string) => withParams(members).params.map((param) => param.offset);

describe("reflect", () => {
  it("reads bindings in order of their number, without the params' uniform", () => {
    const found = reflect(`
      struct Params { rows: u32, eps: f32, }
      @group(0) @binding(2) var<storage, read_write> y : array<vec4<f32>>;
      @binding(1) @group(0) var<storage,read> x: array<f32>;
      @group(0) @binding(3) var<storage> z: array<u32>;
      @group(0) @binding(0) var<uniform> params: Params;
      var<workgroup> tile: array<f32, 64>;
      ${entry}`);
    expect(found.bindings).toEqual([
      { name: "x", binding: 1, access: "read", type: "array<f32>" },
      { name: "y", binding: 2, access: "read_write", type: "array<vec4<f32>>" },
      { name: "z", binding: 3, access: "read", type: "array<u32>" },
    ]);
    expect(found.paramsBinding).toBe(0);
    expect(found.params).toEqual([
      { name: "rows", type: "u32", offset: 0, size: 4 },
      { name: "eps", type: "f32", offset: 4, size: 4 },
    ]);
    expect(found.paramsBytes).toBe(8);
  });

  it("lays params out as WGSL's uniform rules say", () => {
    expect(offsets("a: f32, b: vec2f, c: u32, d: vec3<i32>, e: f32, f: vec4u")).toEqual([0, 8, 16, 32, 44, 48]);
    expect(withParams("a: f32, b: vec2f").paramsBytes).toBe(16);
    expect(withParams("a: vec3f").paramsBytes).toBe(16);
    expect(withParams("n: u32, shape: array<vec4<u32>, 2>, last: i32")).toMatchObject({
      params: [
        { name: "n", type: "u32", offset: 0, size: 4 },
        { name: "shape", type: "u32", offset: 16, size: 32, count: 2 },
        { name: "last", type: "i32", offset: 48, size: 4 },
      ],
      paramsBytes: 64,
    });
  });

  it("reads overrides, enables and the workgroup size", () => {
    const found = reflect(`
      enable f16, subgroups;
      override WORKGROUP: u32 = 64;
      override EPS = 1e-5f;
      override FAST: bool = true;
      override NEEDED: i32;
      override TWICE: u32 = WORKGROUP * 2;
      @workgroup_size(WORKGROUP, 4u,) @compute
      fn sum(@builtin(workgroup_id) wid: vec3u) {}`);
    expect(found.overrides).toEqual([
      { name: "WORKGROUP", type: "u32", default: 64 },
      { name: "EPS", type: "f32", default: 1e-5 },
      { name: "FAST", type: "bool", default: true },
      { name: "NEEDED", type: "i32" },
      { name: "TWICE", type: "u32", computed: true },
    ]);
    expect(found).toMatchObject({ enables: ["f16", "subgroups"], entry: "sum", workgroupSize: ["WORKGROUP", 4] });
    expect(found).toMatchObject({ params: [], paramsBytes: 0 });
    expect(found).not.toHaveProperty("paramsBinding");
  });

  it("is not misled by comments, and keeps the lines where they were", () => {
    const code = `// @group(0) @binding(9) var<uniform> no: No;\n/* override A: u32; /* nested // */\n*/ ${entry} // end`;
    expect(reflect(code)).toMatchObject({ bindings: [], overrides: [], entry: "main" });
    expect(stripComments(code).split("\n")).toHaveLength(3);
  });

  it.each([
    ["no entry", "fn main() {}", "no @compute entry"],
    ["several entries", "@compute @workgroup_size(1) fn a() {} @compute @workgroup_size(1) fn b() {}", "several"],
    ["no workgroup size", "@compute fn main() {}", "no @workgroup_size"],
    ["another group", `@group(1) @binding(0) var<storage> x: array<f32>; ${entry}`, "'x' must be in @group(0)"],
    ["a texture", `@group(0) @binding(0) var t: texture_2d<f32>; ${entry}`, "'t' must be var<uniform>"],
    ["a number used twice", `${binding(1, "a")} ${binding(1, "b")} ${entry}`, "binding 1 ('a') is declared twice"],
    ["a uniform without struct", `@group(0) @binding(0) var<uniform> n: u32; ${entry}`, "struct type, got 'u32'"],
    ["a matrix param", params("m: mat4x4f"), "param 'm' must be"],
    ["an array of scalars", params("a: array<f32, 4>"), "param 'a' must be"],
    ["a half", params("h: f16"), "param 'h' must be"],
    ["an attribute", params("@size(16) a: f32"), "cannot read param"],
  ])("refuses %s by name", (_, code, message) => {
    expect(() => reflect(code)).toThrow(GradwellError);
    expect(() => reflect(code)).toThrow(message);
  });
});

function binding(at: number, name: string): string {
  return `@group(0) @binding(${at}) var<storage> ${name}: array<f32>;`;
}

function params(members: string): string {
  return `struct P { ${members} } @group(0) @binding(0) var<uniform> p: P; ${entry}`;
}
