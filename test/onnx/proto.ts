/** Reads ONNX's files: models (ModelProto) and tensors (TensorProto), as far as the node tests need them. */
import { PbfReader } from "pbf";

/** TensorProto.DataType, by its number. */
export const TYPES = [
  ...["undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool"],
  ...["float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16"],
] as const;
export type OnnxType = (typeof TYPES)[number];

/** A tensor in a file. Numbers are exact but for int64 and uint64 beyond 2^53. */
export interface OnnxTensor {
  name: string;
  type: OnnxType;
  shape: number[];
  /** Row-major; empty for types without numbers. */
  data: ArrayLike<number>;
}

export type Attribute = number | string | OnnxTensor | Graph | number[] | string[];

export interface Node {
  op: string;
  domain: string;
  /** Names of values; "" is an optional one that is not there. */
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
}

export interface ValueInfo {
  name: string;
  /** `undefined` for what is no tensor: sequences and optionals. */
  type: OnnxType | undefined;
}

export interface Graph {
  nodes: Node[];
  initializers: OnnxTensor[];
  inputs: ValueInfo[];
  outputs: ValueInfo[];
}

export interface Model {
  graph: Graph;
  /** Version of ONNX's own operators; 17 is ONNX 1.12's. */
  opset: number;
}

/** Readers of the fields of a message into its result. */
type Fields<T> = Record<number, (result: T, pbf: PbfReader) => void>;

/** Reads a message by its fields' numbers; the others are skipped. */
const reader =
  <T>(fields: Fields<T>) =>
  (tag: number, result: T, pbf: PbfReader): void =>
    fields[tag]?.(result, pbf);

export function readModel(bytes: Uint8Array): Model {
  return new PbfReader(bytes).readFields(modelFields, { graph: emptyGraph(), opset: 0 });
}

export function readTensor(bytes: Uint8Array): OnnxTensor {
  return tensorOf(new PbfReader(bytes).readFields(tensorFields, rawTensor()));
}

const emptyGraph = (): Graph => ({ nodes: [], initializers: [], inputs: [], outputs: [] });

/** A repeated number may come packed or one by one: a reader that takes both. */
const numbers = (pbf: PbfReader, into: number[], one: () => number): void => {
  const packed = pbf.type === 2;
  if (!packed) into.push(one());
  else for (const end = pbf.readPackedEnd(); pbf.pos < end; ) into.push(one());
};

interface RawTensor {
  name: string;
  type: OnnxType;
  shape: number[];
  listed: number[];
  raw: Uint8Array | undefined;
}

const rawTensor = (): RawTensor => ({ name: "", type: "undefined", shape: [], listed: [], raw: undefined });

const varints = (tensor: RawTensor, pbf: PbfReader) => numbers(pbf, tensor.listed, () => pbf.readVarint(true));

const tensorFields = reader<RawTensor>({
  1: (tensor, pbf) => numbers(pbf, tensor.shape, () => pbf.readVarint(true)),
  2: (tensor, pbf) => {
    tensor.type = TYPES[pbf.readVarint()] ?? "undefined";
  },
  4: (tensor, pbf) => numbers(pbf, tensor.listed, () => pbf.readFloat()),
  5: varints,
  7: varints,
  8: (tensor, pbf) => {
    tensor.name = pbf.readString();
  },
  9: (tensor, pbf) => {
    tensor.raw = pbf.readBytes();
  },
  10: (tensor, pbf) => numbers(pbf, tensor.listed, () => pbf.readDouble()),
  11: (tensor, pbf) => numbers(pbf, tensor.listed, () => pbf.readVarint()),
});

/** Layout of raw data: little-endian elements, densely packed. */
const ELEMENTS: Partial<Record<OnnxType, { bytes: number; at: (view: DataView, offset: number) => number }>> = {
  float: { bytes: 4, at: (view, offset) => view.getFloat32(offset, true) },
  double: { bytes: 8, at: (view, offset) => view.getFloat64(offset, true) },
  float16: { bytes: 2, at: (view, offset) => halfOf(view.getUint16(offset, true)) },
  bool: { bytes: 1, at: (view, offset) => view.getUint8(offset) },
  int8: { bytes: 1, at: (view, offset) => view.getInt8(offset) },
  uint8: { bytes: 1, at: (view, offset) => view.getUint8(offset) },
  int16: { bytes: 2, at: (view, offset) => view.getInt16(offset, true) },
  uint16: { bytes: 2, at: (view, offset) => view.getUint16(offset, true) },
  int32: { bytes: 4, at: (view, offset) => view.getInt32(offset, true) },
  uint32: { bytes: 4, at: (view, offset) => view.getUint32(offset, true) },
  int64: { bytes: 8, at: (view, offset) => Number(view.getBigInt64(offset, true)) },
  uint64: { bytes: 8, at: (view, offset) => Number(view.getBigUint64(offset, true)) },
};

function tensorOf({ name, type, shape, listed, raw }: RawTensor): OnnxTensor {
  const elements = ELEMENTS[type];
  if (!elements) return { name, type, shape, data: [] };
  // Lists hold the bits of half floats.
  if (!raw) return { name, type, shape, data: type === "float16" ? listed.map(halfOf) : listed };
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const count = raw.byteLength / elements.bytes;
  return {
    name,
    type,
    shape,
    data: Float64Array.from({ length: count }, (_, i) => elements.at(view, i * elements.bytes)),
  };
}

function halfOf(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

const attributeFields = reader<{ name: string; value: Attribute }>({
  1: (attribute, pbf) => {
    attribute.name = pbf.readString();
  },
  2: (attribute, pbf) => {
    attribute.value = pbf.readFloat();
  },
  3: (attribute, pbf) => {
    attribute.value = pbf.readVarint(true);
  },
  4: (attribute, pbf) => {
    attribute.value = pbf.readString();
  },
  5: (attribute, pbf) => {
    attribute.value = tensorOf(pbf.readMessage(tensorFields, rawTensor()));
  },
  6: (attribute, pbf) => {
    attribute.value = pbf.readMessage(graphFields, emptyGraph());
  },
  7: (attribute, pbf) => numbers(pbf, listIn<number>(attribute), () => pbf.readFloat()),
  8: (attribute, pbf) => numbers(pbf, listIn<number>(attribute), () => pbf.readVarint(true)),
  9: (attribute, pbf) => {
    listIn<string>(attribute).push(pbf.readString());
  },
});

/** The list that an attribute's repeated field adds to. */
function listIn<T extends number | string>(attribute: { value: Attribute }): T[] {
  if (!Array.isArray(attribute.value)) attribute.value = [];
  return attribute.value as T[];
}

const nodeFields = reader<Node>({
  1: (node, pbf) => node.inputs.push(pbf.readString()),
  2: (node, pbf) => node.outputs.push(pbf.readString()),
  4: (node, pbf) => {
    node.op = pbf.readString();
  },
  5: (node, pbf) => {
    const { name, value } = pbf.readMessage(attributeFields, { name: "", value: [] as Attribute });
    node.attributes.set(name, value);
  },
  7: (node, pbf) => {
    node.domain = pbf.readString();
  },
});

const valueFields = reader<ValueInfo>({
  1: (info, pbf) => {
    info.name = pbf.readString();
  },
  2: (info, pbf) => pbf.readMessage(typeFields, info),
});

const typeFields = reader<ValueInfo>({ 1: (info, pbf) => pbf.readMessage(tensorTypeFields, info) });

const tensorTypeFields = reader<ValueInfo>({
  1: (info, pbf) => {
    info.type = TYPES[pbf.readVarint()];
  },
});

const info = (pbf: PbfReader): ValueInfo => pbf.readMessage(valueFields, { name: "", type: undefined });

const graphFields = reader<Graph>({
  1: (graph, pbf) =>
    graph.nodes.push(
      pbf.readMessage(nodeFields, { op: "", domain: "", inputs: [], outputs: [], attributes: new Map() }),
    ),
  5: (graph, pbf) => graph.initializers.push(tensorOf(pbf.readMessage(tensorFields, rawTensor()))),
  11: (graph, pbf) => graph.inputs.push(info(pbf)),
  12: (graph, pbf) => graph.outputs.push(info(pbf)),
});

const opsetFields = reader<{ domain: string; version: number }>({
  1: (opset, pbf) => {
    opset.domain = pbf.readString();
  },
  2: (opset, pbf) => {
    opset.version = pbf.readVarint();
  },
});

const modelFields = reader<Model>({
  7: (model, pbf) => pbf.readMessage(graphFields, model.graph),
  8: (model, pbf) => {
    const { domain, version } = pbf.readMessage(opsetFields, { domain: "", version: 0 });
    if (domain === "") model.opset = version;
  },
});
