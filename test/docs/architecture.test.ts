/** docs/architecture.md names files, functions and walks of the tree as it is. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { capture, nn, optim, randn, type Tensor, zeros } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/architecture.md"), "utf8");
const prose = page.replace(/```.*?```/gs, "");

const codeOf = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string);
const isPath = (code: string): boolean => /^(src|test|shaders|docs)\b/.test(code);
const isFile = (code: string): boolean => isPath(code) && code.endsWith(".ts");
/** `name`, `name()` or `object.name` as the name that the source must have. */
const nameIn = (code: string): string | undefined => /^(?:\w+\.)?(\w+)(?:\(\w*\))?$/.exec(code)?.[1];
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const hasWord = (text: string, word: string): boolean => new RegExp(`\\b${word}\\b`).test(text);

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => `src/${file.replaceAll("\\", "/")}`);

describe("docs/architecture.md", () => {
  it("names paths that exist", () => {
    expect(codeOf(prose).filter((code) => isPath(code) && !existsSync(join(root, code)))).toEqual([]);
  });

  it("names functions and classes that the files beside them have", () => {
    const all = sources.map(read).join("\n");
    const wrong = prose.split(/\n(?=\d+\. |\||\n)/).flatMap((item) => {
      const codes = codeOf(item);
      // A step of a walk names what its own files have; other text names what some file has.
      const files = /^\d+\. /.test(item) ? codes.filter(isFile) : [];
      const text = files.length > 0 ? files.map(read).join("\n") : all;
      return codes.flatMap((code) => {
        const name = isPath(code) ? undefined : nameIn(code);
        return name && !hasWord(text, name) ? [`${code} in ${files.join(", ") || "src"}`] : [];
      });
    });
    expect(wrong).toEqual([]);
  });

  it("has a row for every folder of src", () => {
    const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of folders) expect(page).toContain(`| \`src/${name}\``);
  });
});

/** For each dispatch while `fn` runs, the source files on the call stack from the caller on, without repeats. */
function stacksOf(fn: () => unknown): string[][] {
  const stacks: string[][] = [];
  const pass = Object.getPrototypeOf(device.gpu.createCommandEncoder().beginComputePass()) as GPUComputePassEncoder;
  const dispatch = pass.dispatchWorkgroups;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  pass.dispatchWorkgroups = function (this: GPUComputePassEncoder, ...counts) {
    const frames = (new Error().stack ?? "").split("\n").reverse();
    stacks.push(frames.flatMap((frame) => /src\/[\w./-]+\.ts/.exec(frame)?.[0] ?? []));
    dispatch.apply(this, counts);
  };
  restore = () => {
    pass.dispatchWorkgroups = dispatch;
    Error.stackTraceLimit = limit;
  };
  try {
    fn();
  } finally {
    restore();
  }
  return stacks;
}
let restore = () => {};
afterEach(() => restore());

/** The files of the numbered lists under a heading. */
function walksUnder(heading: string): string[][] {
  const [, section = ""] =
    new RegExp(`### \`${heading.replace(/[()]/g, "\\$&")}\`\n(.*?)(?=\n##|$)`, "s").exec(page) ?? [];
  return section
    .split(/\n\n(?=1\. )/)
    .slice(1)
    .map((list) => [...list.matchAll(/^\d+\. `(src[^`]+)`/gm)].map(([, file]) => file as string));
}

/** Returns whether a stack goes through these files in this order. */
function follows(stack: readonly string[], walk: readonly string[]): boolean {
  let next = 0;
  for (const file of stack) if (file === walk[next]) next++;
  return next === walk.length;
}

describe("the walks of docs/architecture.md", () => {
  const model = new nn.Sequential(new nn.Linear(8, 8), new nn.ReLU(), new nn.Linear(8, 4));
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
  const [x, y] = [randn([4, 8]), zeros([4], { dtype: "i32" })];
  const lossOf = (inputs: Tensor, labels: Tensor): Tensor => nn.crossEntropy(model.forward(inputs), labels);
  const step = capture((inputs: Tensor, labels: Tensor) => {
    optimizer.zeroGrad();
    const loss = lossOf(inputs, labels);
    loss.backward();
    optimizer.step();
    return loss;
  });

  function expectWalk(heading: string, fn: () => unknown, list = 0): void {
    const walk = walksUnder(heading)[list] ?? [];
    expect(walk.length).toBeGreaterThan(2);
    const stacks = stacksOf(fn);
    if (!stacks.some((stack) => follows(stack, walk))) expect(stacks[0]).toEqual(walk);
  }

  it("model.forward(x) is as written", () => expectWalk("model.forward(x)", () => model.forward(x)));

  it("loss.backward() is as written", () => {
    const loss = lossOf(x, y);
    expectWalk("loss.backward()", () => loss.backward());
  });

  it("optimizer.step() is as written", () => {
    expectWalk("optimizer.step()", () => optimizer.step());
  });

  it("the first call of a captured step, and a replay, are as written", () => {
    expectWalk("capture(step)", () => step(x, y), 0);
    expectWalk("capture(step)", () => step(x, y), 1);
  });
});
