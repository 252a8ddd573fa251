/** The chunk tables that TypeScript packs are those that the shaders unpack. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { launchPolicy } from "../../src/gpu/launch-policy.ts";
import { sgd } from "../../src/gpu/shaders.generated.ts";
import * as table from "../../src/optim/chunk-table.ts";
import { readData } from "../../src/tensor/readback.ts";
import { empty } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

const source = (name: string): string =>
  readFileSync(new URL(`../../shaders/lib/${name}.wgsl`, import.meta.url), "utf8");

/** The members of a struct in order. */
function membersOf(wgsl: string, struct: string): string[] {
  const body = new RegExp(`struct ${struct} \\{([^}]*)\\}`).exec(wgsl)?.[1] ?? "";
  return [...body.matchAll(/(\w+):/g)].map(([, name]) => String(name));
}

const constantOf = (wgsl: string, name: string): number =>
  Number(new RegExp(`const ${name} = (\\d+)u;`).exec(wgsl)?.[1]);

it("the words of a chunk are in the same order in TypeScript and WGSL", () => {
  expect(membersOf(source("optimizer"), "ChunkEntry")).toEqual([...table.CHUNK_ENTRY]);
  expect(membersOf(source("gradients"), "Chunk")).toEqual([...table.GRADIENT_CHUNK]);
});

it("the bit fields and the kernel constants have the same sizes in TypeScript and WGSL", () => {
  const wgsl = source("optimizer");
  const { LENGTH_BITS, CONSTANTS_INDEX_BITS, CONSTANTS_VECTORS } = table;
  for (const [name, value] of Object.entries({ LENGTH_BITS, CONSTANTS_INDEX_BITS, CONSTANTS_VECTORS }))
    expect(constantOf(wgsl, name), name).toBe(value);
  const constants = sgd.params.find(({ name }) => name === "constants");
  expect(constants?.count).toBe(table.MAX_CONSTANT_SETS * table.CONSTANTS_VECTORS);
});

it("the longest chunk of every adapter fits its bit field", () => {
  for (const isSoftware of [true, false]) {
    const adapter = { info: { isSoftware, subgroupSize: 8 }, features: { subgroups: false } };
    expect(launchPolicy(adapter).chunks.vectors).toBeLessThan(2 ** table.LENGTH_BITS);
  }
});

const limits = [0, 1, 2 ** table.LENGTH_BITS - 1];
const fields = limits.flatMap((length) =>
  [0, 5, table.MAX_CONSTANT_SETS - 1].flatMap((constants) =>
    [0, 77, table.MAX_PARAMETERS - 1].map((parameter) => ({ parameter, constants, length })),
  ),
);

it("bit fields that TypeScript packs come out of the shaders' own unpacking", async () => {
  // The declarations of the library as they are; what reads them is this kernel's.
  const wgsl = source("optimizer")
    .replace(/@group\(0\) @binding\([237]\).*\n/g, "")
    .replace(/\nfn bias_correction[\s\S]*$/, "")
    .replace(/ {2}if \(params\.skipping.*\n/g, "");
  const kernel = device.kernel({
    name: "unpack",
    wgsl: `${wgsl}
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (chunks, 6)
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) wid: vec3u) {
  let chunk = chunk_of(wid.x);
  let found = array(chunk.value, chunk.grad, chunk.state, chunk.vectors, u32(chunk.a.x), parameter_index(table[params.first + wid.x].packed));
  for (var i = 0u; i < 6u; i++) { y[6u * wid.x + i] = f32(found[i]); }
}`,
  });
  const words = fields.flatMap(({ parameter, constants, length }, i) => {
    const packed = table.packFields(parameter, constants, length);
    return table.packWords(table.CHUNK_ENTRY, { value: i, grad: i + 100, state: i + 200, packed });
  });
  const y = empty(device, [fields.length, 6]);
  const constants = Array.from({ length: table.MAX_CONSTANT_SETS * table.CONSTANTS_PER_SET }, (_, i) =>
    i % table.CONSTANTS_PER_SET === 0 ? i / table.CONSTANTS_PER_SET : -1,
  );
  const args = { table: table.makeTable(device, words), y, first: 0, chunks: fields.length, skipping: 0, constants };
  kernel.run(args, fields.length);
  const expected = fields.flatMap((one, i) => [i, i + 100, i + 200, one.length, one.constants, one.parameter]);
  expect(Array.from(await readData(y))).toEqual(expected);
});
