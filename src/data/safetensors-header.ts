/** Writes the header of a safetensors file, and reads one with every check that the format asks for. */
import { DataError } from "../errors.ts";
import { sizeOf } from "../tensor/shape.ts";
import { keysOf } from "./json.ts";

/** Bytes per element, in the format's own order: writers sort by it, last first. */
const WIDTHS = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;
export type FileDtype = keyof typeof WIDTHS;
const ORDER = Object.keys(WIDTHS) as FileDtype[];

export interface Entry {
  readonly name: string;
  readonly dtype: FileDtype;
  readonly shape: readonly number[];
  /** The entry's values: bytes from `begin` up to `end` of the file. */
  readonly begin: number;
  readonly end: number;
}
export interface Header {
  readonly entries: readonly Entry[];
  readonly metadata: Readonly<Record<string, string>>;
}
export type Described = Pick<Entry, "name" | "dtype" | "shape">;

const LENGTH_BYTES = 8;
/** The format's own limit. */
const MAX_HEADER = 100_000_000;
const METADATA = "__metadata__";
const bytesOf = ({ dtype, shape }: Described): number => sizeOf(shape) * WIDTHS[dtype];

/** Sorts as the format's own writer does: by dtype, the widest first, then by name. */
export function sorted<E extends Described>(entries: readonly E[]): E[] {
  return [...entries].sort((a, b) => ORDER.indexOf(b.dtype) - ORDER.indexOf(a.dtype) || compare(a.name, b.name));
}

/** Compares by code points, as UTF-8 bytes compare; JavaScript's own order differs beyond 16 bits. */
function compare(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((letter, i) => letter !== right[i]);
  if (at < 0) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? -1);
}

/** Length, header and padding: the values of `entries` follow in the same order, without gaps. */
export function writeHeader(entries: readonly Described[], metadata: Readonly<Record<string, string>>): Uint8Array {
  let at = 0;
  const described = entries.map((entry): [string, object] => {
    const begin = at;
    at += bytesOf(entry);
    return [entry.name, { dtype: entry.dtype, shape: entry.shape, data_offsets: [begin, at] }];
  });
  const first: [string, object][] = Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : [];
  // Concatenated by hand: an object would put names like "0" before all others.
  const members = [...first, ...described].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const length = Math.ceil(json.length / LENGTH_BYTES) * LENGTH_BYTES;
  const header = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, LENGTH_BYTES);
  return header;
}

/** A DataError about the byte at `offset`. */
export function fail(offset: number, message: string): never {
  throw new DataError(`safetensors: at byte ${offset}: ${message}`);
}

/** Everything that the header says, checked against the file. */
export function readHeader(file: Uint8Array): Header {
  const { json, start } = readJson(file);
  const offsetOf = (index: number) => LENGTH_BYTES + new TextEncoder().encode(json.slice(0, index)).length;
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    fail(LENGTH_BYTES, `the header is not JSON: ${(cause as Error).message}`);
  }
  const keys = keysOf(json);
  const twice = keys.find(({ duplicate }) => duplicate);
  if (twice) fail(offsetOf(twice.index), `the key '${twice.key}' is there twice`);
  const members = parsed as Record<string, unknown>;
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const { key, index } of keys.filter(({ depth }) => depth === 1)) {
    const refuse = (message: string) => fail(offsetOf(index), `'${key}': ${message}`);
    if (key === METADATA) metadata = readMetadata(members[key], refuse);
    else entries.push(readEntry(key, members[key], start, refuse));
  }
  checkCoverage(entries, start, file.length);
  return { entries, metadata };
}

/** Other formats by their first bytes, with the way to a safetensors file. */
const OTHERS: readonly (readonly [bytes: readonly number[], name: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], "a zip archive, as torch.save writes (a PyTorch file: .pt, .pth, .bin)"],
  [[0x80, 0x02], "a pickle, as older versions of torch.save write (a PyTorch file)"],
  [[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], "a NumPy file (.npy)"],
  [[0x89, 0x48, 0x44, 0x46], "an HDF5 file (Keras)"],
  [[0x47, 0x47, 0x55, 0x46], "a GGUF file"],
];

function checkFormat(file: Uint8Array): void {
  const other = OTHERS.find(([bytes]) => bytes.every((byte, i) => file[i] === byte));
  if (!other) return;
  // A header of such a length cannot be excluded, but it would have to begin like one.
  if (file[LENGTH_BYTES] === 0x7b && other[0].length < 4) return;
  fail(0, `this is ${other[1]}, not safetensors; convert it in Python: safetensors.torch.save_file(state_dict, path)`);
}

function readJson(file: Uint8Array): { json: string; start: number } {
  checkFormat(file);
  if (file.length < LENGTH_BYTES) fail(file.length, `expected the header's length (8 bytes), got the end of the file`);
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER)
    fail(0, `expected a header of at most ${MAX_HEADER} bytes, got ${length}; is this safetensors?`);
  const start = LENGTH_BYTES + Number(length);
  if (start > file.length) fail(file.length, `expected a header up to byte ${start}, got the end of the file`);
  if (file[LENGTH_BYTES] !== 0x7b || length === 0n) fail(LENGTH_BYTES, "expected '{', which begins every header");
  try {
    const json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file.subarray(LENGTH_BYTES, start));
    return { json, start };
  } catch {
    return fail(LENGTH_BYTES, "the header is not UTF-8");
  }
}

function readMetadata(value: unknown, refuse: (message: string) => never): Record<string, string> {
  const strings = isObject(value) && Object.values(value).every((one) => typeof one === "string");
  return strings ? (value as Record<string, string>) : refuse("expected an object of strings");
}

function readEntry(name: string, value: unknown, start: number, refuse: (message: string) => never): Entry {
  if (!isObject(value)) return refuse("expected an object with dtype, shape and data_offsets");
  const { dtype, shape, data_offsets: offsets } = value;
  if (!ORDER.includes(dtype as FileDtype))
    refuse(`expected a dtype of ${ORDER.join(", ")}, got ${JSON.stringify(dtype)}`);
  if (!isCounts(shape)) return refuse(`expected a shape of integers >= 0, got ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    return refuse(`expected data_offsets [begin, end], got ${JSON.stringify(offsets)}`);
  }
  const [begin = 0, end = 0] = offsets;
  const entry = { name, dtype: dtype as FileDtype, shape, begin: start + begin, end: start + end };
  const bytes = bytesOf(entry);
  if (end - begin !== bytes) refuse(`expected ${bytes} bytes for ${dtype} of shape [${shape}], got ${end - begin}`);
  return entry;
}

/** The values must follow each other without gaps or overlaps, up to the end of the file. */
function checkCoverage(entries: readonly Entry[], start: number, end: number): void {
  let at = start;
  for (const { name, begin, end: next } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < at) fail(begin, `the values of '${name}' overlap those before, which end at byte ${at}`);
    if (begin > at) fail(at, `expected the values of '${name}', which begin at byte ${begin}: a gap`);
    at = next;
  }
  if (at > end) fail(end, `expected values up to byte ${at}, got the end of the file`);
  if (at < end) fail(at, `expected the end of the file, got ${end - at} more bytes`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0);
