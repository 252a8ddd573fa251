/** Host arrays among the arguments of a captured function: typed arrays and `{ data, shape, dtype? }`. */
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import type { Device } from "../gpu/device.ts";
import { checkHalf } from "../tensor/half.ts";
import { dtypeOf, encode, flatten, isBig, type NestedNumbers, nestedShape } from "../tensor/host.ts";
import { checkShape, type Shape, sizeOf } from "../tensor/shape.ts";
import { DTYPES, type Dtype } from "../tensor/storage.ts";
import { pathOf } from "./plain.ts";

/** The typed arrays that a captured function takes. */
export type TypedNumbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * An array that a captured function takes where `fn` wants a tensor. A bare typed array has the shape that was last
 * given with one like it.
 */
export type HostArray =
  | TypedNumbers
  | { readonly data: TypedNumbers | NestedNumbers; readonly shape: Shape; readonly dtype?: Dtype };

/** Host values with their shape and dtype. */
export interface HostValues {
  readonly data: TypedNumbers | NestedNumbers;
  readonly shape: Shape;
  readonly dtype: Dtype;
}

const KEYS = ["data", "shape", "dtype"];

/** Shapes that were given with an array, for later bare ones of the same argument, class and length. */
export class GivenShapes {
  readonly #given = new Map<string, { readonly kind: string; readonly length: number; readonly values: HostValues }>();
  readonly #options: readonly (Shape | undefined)[];

  /** `options`: shapes by argument; a single -1 in one is what the length leaves. */
  constructor(options: readonly (Shape | undefined)[]) {
    this.#options = options;
  }

  /** The host array that an argument is, if it is one. `path` is where it stands. */
  read(value: object, path: () => string): HostValues | undefined {
    if (isTyped(value)) return this.#bare(value, path());
    if (!isWrapped(value)) return undefined;
    const { data, shape, dtype = dtypeOf(data) } = value;
    const at = path();
    checkArray(data, at);
    const wanted = isTyped(data) ? data.length : sizeOf(nestedShape(data));
    checkShape("capture", shape, at + pathOf("shape"));
    check(sizeOf(shape) === wanted, ShapeError, () =>
      expected("capture", at + pathOf("shape"), `a shape of ${wanted} elements`, shape),
    );
    check(DTYPES.includes(dtype), DtypeError, () =>
      expected("capture", at + pathOf("dtype"), DTYPES.join(", "), dtype),
    );
    const values = { data, shape: [...shape], dtype };
    if (isTyped(data)) this.#given.set(at, { kind: classOf(data), length: data.length, values });
    return values;
  }

  #bare(data: TypedNumbers, path: string): HostValues {
    checkArray(data, path);
    const known = this.#given.get(path);
    if (known?.kind === classOf(data) && known.length === data.length) return { ...known.values, data };
    const option = this.#options[Number(/^arguments\[(\d+)\]$/.exec(path)?.[1] ?? -1)];
    return { data, shape: option ? filled(option, data.length, path) : [data.length], dtype: dtypeOf(data) };
  }
}

/** A shape of the options with its -1 replaced. */
function filled(shape: Shape, length: number, path: string): Shape {
  const rest = shape.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const result = shape.map((dim) => (dim === -1 ? length / rest : dim));
  check(sizeOf(result) === length && result.every(Number.isSafeInteger), ShapeError, () =>
    expected("capture", path, `a multiple of the elements of shapes[...] = [${shape}]`, `${length} elements`),
  );
  return result;
}

const classOf = (data: TypedNumbers): string => data[Symbol.toStringTag];

const TYPED = Object.getPrototypeOf(Uint8Array.prototype) as object;
const tagOf = Object.getOwnPropertyDescriptor(TYPED, Symbol.toStringTag)?.get as (this: unknown) => string | undefined;

/** Also the subclasses (Node's Buffer), but no Proxy of one. */
const isTyped = (value: unknown): value is TypedNumbers => tagOf.call(value) !== undefined;

function isWrapped(value: object): value is Exclude<HostArray, TypedNumbers> {
  const keys = Reflect.ownKeys(value);
  if (keys.length > 3 || !keys.every((key) => KEYS.includes(key as string))) return false;
  const part = (name: string) => Object.getOwnPropertyDescriptor(value, name)?.value as unknown;
  return Array.isArray(part("shape")) && (isTyped(part("data")) || Array.isArray(part("data")));
}

function checkArray(data: TypedNumbers | NestedNumbers, path: string): void {
  if (!isTyped(data)) return;
  const want = (what: string, got: string) => expected("capture", path, what, got);
  check((data[Symbol.toStringTag] as string) !== "Float16Array", DtypeError, () =>
    want("a typed array of another class (a Float32Array with dtype: 'f16')", "a Float16Array"),
  );
  check(!isShared(data), ArgumentError, () =>
    want("numbers that no other thread writes (pass array.slice())", "a view of a SharedArrayBuffer"),
  );
  check(data.length > 0 || !isDetached(data.buffer), ArgumentError, () =>
    want("a typed array with its memory (it was transferred to a worker)", "one whose buffer is detached"),
  );
}

// Pages that are not isolated have shared memory (WebAssembly's), but not its class.
const isShared = ({ buffer }: TypedNumbers): boolean => buffer[Symbol.toStringTag] === "SharedArrayBuffer";

/** `ArrayBuffer.prototype.detached` is missing in some runtimes. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    return new Uint8Array(buffer).byteLength !== buffer.byteLength;
  } catch {
    return true;
  }
}

/** The bytes to upload. Those of the array itself where no conversion is needed. */
export function bytesOfHost({ data, dtype }: HostValues, device: Device, path: string): ArrayBufferView<ArrayBuffer> {
  if (dtype === "f16") checkHalf("capture", device);
  if (!isTyped(data)) return encode(inRange(flatten(data), dtype, path), dtype);
  const same =
    (dtype === "f32" && data instanceof Float32Array) ||
    (dtype === "i32" && data instanceof Int32Array) ||
    (dtype === "u32" && data instanceof Uint32Array);
  if (same) return (isResizable(data) ? data.slice() : data) as ArrayBufferView<ArrayBuffer>;
  if (isBig(data)) return encode(inRange(Array.from(data, Number), dtype, path), dtype);
  const numbers = data as Exclude<TypedNumbers, BigInt64Array | BigUint64Array>;
  return dtype === "f32" ? new Float32Array(numbers) : encode(inRange(numbers, dtype, path), dtype);
}

const isResizable = (data: TypedNumbers): boolean => "resizable" in data.buffer && data.buffer.resizable === true;

const RANGES: Partial<Record<Dtype, readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
};

/** Refuses numbers that an integer dtype would turn into others. */
function inRange<T extends ArrayLike<number>>(values: T, dtype: Dtype, path: string): T {
  const [low, high] = RANGES[dtype] ?? [];
  if (low === undefined || high === undefined) return values;
  for (let i = 0; i < values.length; i++) {
    // No check for each of millions of numbers.
    const value = values[i] as number;
    check(value > low - 1 && value < high + 1, ArgumentError, () =>
      expected("capture", path, `numbers in the range of dtype ${dtype}`, `${value} at index ${i}`),
    );
  }
  return values;
}
