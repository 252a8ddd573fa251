/** Operations as the library launches them, measured as they are: elementwise, norms, reductions, convolution, attention, f16. */
import type { Device } from "../../src/gpu/device.ts";
import { autocast, conv2d, gelu, grad, nn, noGrad, scope, softmax, sum, type Tensor } from "../../src/index.ts";
import { filled } from "./fill.ts";
import type { Journal } from "./records.ts";
import { race, type Stopwatch } from "./stopwatch.ts";

interface Measured {
  family: string;
  shapes: number[][];
  run: (...inputs: Tensor[]) => unknown;
  /** Not on adapters without halves. */
  f16?: boolean;
}

const backward = (y: Tensor, inputs: Tensor[]) => grad([y.sum()], inputs);
const withGradients =
  (fn: (...inputs: Tensor[]) => Tensor) =>
  (...inputs: Tensor[]) =>
    backward(fn(...inputs), inputs);

const attention = (length: number): Measured => ({
  family: "attention, causal, forward and backward",
  shapes: [1, 2, 3].map(() => [1, 4, length, 64]),
  run: withGradients((q, k, v) => nn.scaledDotProductAttention(q!, k!, v!, { isCausal: true })),
});

const product = (size: number, f16 = false): Measured => {
  const shapes = [
    [size, size],
    [size, size],
  ];
  const run = (a: Tensor, b: Tensor) => a.matmul(b);
  return f16
    ? { family: "matmul f16", shapes, run: (a, b) => autocast(() => run(a!, b!)), f16 }
    : { family: "matmul as chosen", shapes, run: (a, b) => run(a!, b!) };
};

const OPERATIONS: readonly Measured[] = [
  ...[65_536, 4_194_304].flatMap((size): Measured[] => [
    { family: "add", shapes: [[size], [size]], run: (a, b) => a!.add(b!) },
    { family: "gelu", shapes: [[size]], run: (x) => gelu(x!) },
    { family: "sum", shapes: [[size]], run: (x) => sum(x!) },
  ]),
  { family: "transpose", shapes: [[2048, 2048]], run: (x) => x!.t().contiguous() },
  { family: "heads to rows", shapes: [[16, 64, 4, 32]], run: (x) => x!.permute([0, 2, 1, 3]).contiguous() },
  { family: "softmax, forward and backward", shapes: [[4096, 768]], run: withGradients((x) => softmax(x!, 1)) },
  {
    family: "layer norm, forward and backward",
    shapes: [[4096, 768]],
    run: withGradients((x) => nn.layerNorm(x!, [768])),
  },
  {
    family: "batch norm, forward and backward",
    shapes: [[32, 64, 28, 28]],
    run: withGradients((x) => nn.batchNorm(x!, null, null, undefined, undefined, { training: true })),
  },
  {
    family: "conv 3x3, forward and backward",
    shapes: [
      [32, 32, 32, 32],
      [32, 32, 3, 3],
    ],
    run: withGradients((x, w) => conv2d(x!, w!, undefined, { padding: 1 })),
  },
  attention(1024),
  attention(4096),
  product(1024),
  product(1024, true),
];

export async function measureOperations(
  device: Device,
  journal: Journal,
  stopwatch: Stopwatch,
  { budget, most }: { budget: number; most: number },
): Promise<void> {
  const sizeOf = ({ shapes }: Measured) => Math.max(...shapes.map((shape) => shape.reduce((a, b) => a * b)));
  const measured = OPERATIONS.filter((one) => sizeOf(one) <= most && (!one.f16 || device.features.f16));
  for (const { family, shapes, run } of measured) {
    const shape = shapes.map((one) => one.join("x")).join(" ");
    const needsGradients = family.endsWith("backward");
    const inputs = shapes.map((one) => filled(device, one));
    if (needsGradients) for (const one of inputs) one.requiresGrad = true;
    const once = () => scope(() => void (needsGradients ? run(...inputs) : noGrad(() => run(...inputs))));
    const failed = (_: unknown, error: unknown) => journal.fact(`failed: ${family} ${shape}`, String(error));
    const results = await race(stopwatch, [{ entry: family, run: once }], budget / measured.length, failed);
    for (const [, timing] of results) {
      journal.sample({ family, shape, parameters: {}, ...timing, timer: stopwatch.timer, chosen: true });
    }
    for (const one of inputs) one.dispose();
  }
}
