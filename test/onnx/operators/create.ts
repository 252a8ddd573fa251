/** Operators that make tensors, or say what shape one has. */
import { arange, type Dtype, full, nn, ones, type Tensor, tensor } from "gradwell";
import type { Call, Operators } from "../call.ts";
import { type OnnxTensor, TYPES } from "../proto.ts";
import { dtypeOf, given, leaveOut } from "../value.ts";

/** The dtype for an element type's number. */
export const castType = (type: number): Dtype => dtypeOf(TYPES[type]);

const whole = (numbers: readonly number[], shape: number[] = [numbers.length]): Tensor =>
  tensor(Int32Array.from(numbers), { shape });

function constant(call: Call): Tensor {
  const file = call.attribute<OnnxTensor>("value");
  if (file) return given(file).tensor;
  const [int, float] = [call.attribute<number>("value_int"), call.attribute<number>("value_float")];
  if (int !== undefined) return whole([int], []);
  if (float !== undefined) return tensor(float);
  const [ints, floats] = [call.ints("value_ints"), call.ints("value_floats")];
  return ints ? whole(ints) : tensor(floats ?? leaveOut("a constant that is neither a tensor nor numbers"));
}

function dropout(call: Call, ratio: number, training: boolean): Tensor[] {
  if (training && ratio > 0) leaveOut("random: the expected values are those of NumPy's generator");
  return [nn.dropout(call.x, ratio, training), full(call.x.shape, 1, { dtype: "bool" })];
}

export const create: Operators = {
  Constant: constant,
  async ConstantOfShape(call) {
    const value = call.attribute<OnnxTensor>("value");
    return full((await call.numbers(0))!, value?.data[0] ?? 0, { dtype: dtypeOf(value?.type ?? "float") });
  },
  async Range(call) {
    const [start, limit, delta] = await Promise.all([0, 1, 2].map((i) => call.number(i, 0)));
    return arange(start!, limit, delta, { dtype: call.x.dtype });
  },
  EyeLike(call) {
    const [type, k] = [call.attribute<number>("dtype"), call.real("k", 0)];
    return ones(call.x.shape, { dtype: type === undefined ? call.x.dtype : castType(type) })
      .triu(k)
      .tril(k);
  },
  Shape(call) {
    const { shape } = call.x;
    return whole(shape.slice(call.real("start", 0), call.real("end", shape.length)));
  },
  Size: (call) => whole([call.x.size], []),
  Dropout: async (call) =>
    dropout(call, await call.number(1, call.real("ratio", 0.5)), (await call.number(2, 0)) !== 0),
};
