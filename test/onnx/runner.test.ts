/** The reader of ONNX's files and the runner of its cases, on cases made here: they need no package. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PbfWriter } from "pbf";
import { afterAll, describe, expect, it } from "vitest";
import { testDevice } from "../support/device.ts";
import { listCases, runCases } from "./cases.ts";
import { readTensor } from "./proto.ts";

await testDevice();

const FLOAT = 1;
const UINT8 = 2;
const INT64 = 7;
const FLOAT16 = 10;

type Write = (pbf: PbfWriter) => void;

const bytes = (write: Write): Uint8Array => {
  const pbf = new PbfWriter();
  write(pbf);
  return pbf.finish();
};

const message =
  (tag: number, write: Write): Write =>
  (pbf) =>
    pbf.writeMessage(tag, (_, inner) => write(inner), undefined);

const all =
  (...writes: Write[]): Write =>
  (pbf) => {
    for (const write of writes) write(pbf);
  };

/** TensorProto, its values in the field `tag`. */
const tensor = (type: number, shape: number[], values: Write): Write =>
  all((pbf) => {
    pbf.writePackedVarint(1, shape);
    pbf.writeVarintField(2, type);
  }, values);

const floats = (...values: number[]): Write => tensor(FLOAT, [values.length], (pbf) => pbf.writePackedFloat(4, values));

const valueInfo = (tag: number, name: string, type: number): Write =>
  message(
    tag,
    all(
      (pbf) => pbf.writeStringField(1, name),
      message(
        2,
        message(1, (pbf) => pbf.writeVarintField(1, type)),
      ),
    ),
  );

/** y = op(a, b). */
const model = (op: string, type = FLOAT): Uint8Array =>
  bytes(
    all(
      message(
        7,
        all(
          message(1, (pbf) => {
            pbf.writeStringField(1, "a");
            pbf.writeStringField(1, "b");
            pbf.writeStringField(2, "y");
            pbf.writeStringField(4, op);
          }),
          ...["a", "b"].map((name) => valueInfo(11, name, type)),
          valueInfo(12, "y", type),
        ),
      ),
      message(8, (pbf) => pbf.writeVarintField(2, 13)),
    ),
  );

describe("the reader of tensors in files", () => {
  const dataOf = (write: Write) => Array.from(readTensor(bytes(write)).data);

  it("reads lists", () => {
    expect(dataOf(floats(0.5, -2))).toEqual([0.5, -2]);
    expect(dataOf(tensor(INT64, [3], (pbf) => pbf.writePackedVarint(7, [5, -1, 2 ** 40])))).toEqual([5, -1, 2 ** 40]);
    expect(dataOf(tensor(FLOAT16, [3], (pbf) => pbf.writePackedVarint(5, [0x3c00, 0xc500, 0x0001])))).toEqual([
      1,
      -5,
      2 ** -24,
    ]);
  });

  it("reads raw bytes, wherever they begin", () => {
    const raw = (array: ArrayBufferView) => (pbf: PbfWriter) =>
      pbf.writeBytesField(9, new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    expect(dataOf(tensor(FLOAT, [2], raw(Float32Array.of(1.5, Number.NaN))))).toEqual([1.5, Number.NaN]);
    expect(dataOf(tensor(INT64, [2], raw(BigInt64Array.of(-3n, 7n))))).toEqual([-3, 7]);
    expect(dataOf(tensor(FLOAT16, [2], raw(Uint16Array.of(0xfc00, 0x7e00))))).toEqual([-Infinity, Number.NaN]);
    expect(dataOf(tensor(UINT8, [2], raw(Uint8Array.of(255, 0))))).toEqual([255, 0]);
  });
});

describe("the runner's cases", () => {
  const root = mkdtempSync(join(tmpdir(), "onnx-cases-"));
  afterAll(() => rmSync(root, { recursive: true }));

  const write = (name: string, graph: Uint8Array, expected: Write) => {
    const data = join(root, name, "test_data_set_0");
    mkdirSync(data, { recursive: true });
    writeFileSync(join(root, name, "model.onnx"), graph);
    writeFileSync(join(data, "input_0.pb"), bytes(floats(1, 2)));
    writeFileSync(join(data, "input_1.pb"), bytes(floats(10, 20)));
    writeFileSync(join(data, "output_0.pb"), bytes(expected));
  };
  write("test_add", model("Add"), floats(11, 22));
  write("test_add_expanded", model("Mul"), floats(10, 40));
  write("test_far", model("Add"), floats(11, 22.0078125));
  write(
    "test_shape",
    model("Add"),
    tensor(FLOAT, [2, 1], (pbf) => pbf.writePackedFloat(4, [11, 22])),
  );
  write("test_dtype", model("Less"), floats(1, 1));
  write("test_mod", model("Mod"), floats(1, 2));
  write("test_bytes", model("Add", UINT8), floats(11, 22));
  write("test_adam_multiple", model("Add"), floats(11, 22));

  it("pass, fail or are skipped, each with its reason", async () => {
    const outcomes = await runCases(listCases(root));
    expect(outcomes.map((one) => [one.case.name, one.case.operator, one.result, one.reason])).toEqual([
      ["test_adam_multiple", "Add", "failed", expect.stringMatching(/^passes, against: /)],
      ["test_add", "Add", "passed", undefined],
      ["test_add_expanded", "Add", "passed", undefined],
      ["test_bytes", "Add", "left out", "dtype uint8: there are f32, f16, i32, u32 and bool"],
      ["test_dtype", "Less", "failed", "output y: dtype bool, should be f32"],
      ["test_far", "Add", "failed", expect.stringMatching(/^output y: \[1\] is 22, should be 22.0078125$/)],
      ["test_mod", "Mod", "left out", "not in the surface: Mod"],
      ["test_shape", "Add", "failed", "output y: shape [2], should be [2,1]"],
    ]);
  });
});
