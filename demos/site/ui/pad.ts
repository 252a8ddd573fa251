/** A place to draw on with pointer or keys, and the drawing as MNIST would have it. */
import { el } from "./dom.ts";
import { onTheme, themed } from "./theme.ts";

const SIZE = 280;
const PEN = 22;
const MNIST = 28;
/** MNIST's digits fill a square of 20 pixels, centered by their mass in one of 28. */
const DIGIT = 20;
const KEY_STEP = 14;

const KEYS: Record<string, [number, number]> = {
  ArrowLeft: [-KEY_STEP, 0],
  ArrowRight: [KEY_STEP, 0],
  ArrowUp: [0, -KEY_STEP],
  ArrowDown: [0, KEY_STEP],
};

const HELP = "Drawing area. Arrow keys move the pen, space lowers or lifts it, Delete clears.";

type Point = readonly [number, number];

export class Pad {
  readonly canvas = el("canvas", {
    width: SIZE,
    height: SIZE,
    className: "pad",
    tabIndex: 0,
    attributes: { role: "img", "aria-label": HELP },
  });
  readonly #strokes: Point[][] = [];
  readonly #onChange: () => void;
  #pen: Point = [SIZE / 2, SIZE / 4];
  #keyStroke = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const type of ["focus", "blur"]) this.canvas.addEventListener(type, () => this.#paint());
    onTheme(() => this.#paint());
    this.#paint();
  }

  get isEmpty(): boolean {
    return this.#strokes.length === 0;
  }

  clear(): void {
    this.#strokes.length = 0;
    this.#keyStroke = false;
    this.#changed();
  }

  /** 28 x 28 values in [0, 1], row by row: cropped, scaled to 20 pixels and centered by mass. */
  pixels(): Float32Array {
    const { x, y, width, height } = this.#bounds();
    const scale = DIGIT / Math.max(width, height);
    const [left, top] = [MNIST / 2 - (x + width / 2) * scale, MNIST / 2 - (y + height / 2) * scale];
    const [massX, massY] = centerOfMass(this.#rendered(left, top, scale));
    return this.#rendered(left + MNIST / 2 - massX, top + MNIST / 2 - massY, scale);
  }

  #bounds(): { x: number; y: number; width: number; height: number } {
    const points = this.#strokes.flat();
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const [x, y] = [Math.min(...xs) - PEN / 2, Math.min(...ys) - PEN / 2];
    return { x, y, width: Math.max(...xs) + PEN / 2 - x, height: Math.max(...ys) + PEN / 2 - y };
  }

  #rendered(dx: number, dy: number, scale: number): Float32Array {
    // Four times as fine, then averaged: thin lines keep their gray.
    const fine = 4;
    const canvas = el("canvas", { width: MNIST * fine, height: MNIST * fine });
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    context.setTransform(scale * fine, 0, 0, scale * fine, dx * fine, dy * fine);
    // MNIST's pens are about two pixels wide, however large the digit was.
    drawStrokes(context, this.#strokes, Math.max(PEN * 0.7, 2.2 / scale), "#fff");
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const pixels = new Float32Array(MNIST * MNIST);
    for (let i = 0; i < canvas.width * canvas.height; i++) {
      const [row, column] = [Math.floor(i / canvas.width / fine), Math.floor((i % canvas.width) / fine)];
      pixels[row * MNIST + column]! += data[4 * i + 3]! / 255 / fine ** 2;
    }
    return pixels;
  }

  #at(event: PointerEvent): Point {
    const { left, top, width } = this.canvas.getBoundingClientRect();
    return [((event.clientX - left) * SIZE) / width, ((event.clientY - top) * SIZE) / width];
  }

  #down(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    this.#keyStroke = false;
    this.#pen = this.#at(event);
    this.#strokes.push([this.#pen]);
    this.#changed();
  }

  #move(event: PointerEvent): void {
    if (event.buttons === 0 || !this.canvas.hasPointerCapture(event.pointerId)) return;
    this.#pen = this.#at(event);
    this.#strokes.at(-1)?.push(this.#pen);
    this.#changed();
  }

  #key(event: KeyboardEvent): void {
    const step = KEYS[event.key];
    if (!step && event.key !== " " && event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    if (step) {
      const inside = (value: number) => Math.max(PEN / 2, Math.min(SIZE - PEN / 2, value));
      this.#pen = [inside(this.#pen[0] + step[0]), inside(this.#pen[1] + step[1])];
      if (this.#keyStroke) this.#strokes.at(-1)?.push(this.#pen);
    } else if (event.key === " ") {
      this.#keyStroke = !this.#keyStroke;
      if (this.#keyStroke) this.#strokes.push([this.#pen]);
    } else this.#strokes.length = 0;
    this.#changed();
  }

  #changed(): void {
    this.#paint();
    this.#onChange();
  }

  #paint(): void {
    const context = this.canvas.getContext("2d")!;
    context.clearRect(0, 0, SIZE, SIZE);
    drawStrokes(context, this.#strokes, PEN, themed("--ink"));
    if (document.activeElement !== this.canvas) return;
    context.strokeStyle = themed("--accent");
    context.lineWidth = this.#keyStroke ? 5 : 2;
    context.beginPath();
    context.arc(...this.#pen, PEN / 2 + 3, 0, 2 * Math.PI);
    context.stroke();
  }
}

function drawStrokes(
  context: CanvasRenderingContext2D,
  strokes: readonly (readonly Point[])[],
  width: number,
  color: string,
): void {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  context.strokeStyle = color;
  for (const stroke of strokes) {
    context.beginPath();
    for (const point of stroke) context.lineTo(...point);
    // A line without length is not painted.
    if (stroke.length === 1) context.lineTo(stroke[0]![0] + 0.1, stroke[0]![1]);
    context.stroke();
  }
}

function centerOfMass(pixels: Float32Array): Point {
  let [sum, x, y] = [1e-6, 0, 0];
  for (const [i, value] of pixels.entries()) {
    sum += value;
    x += value * ((i % MNIST) + 0.5);
    y += value * (Math.floor(i / MNIST) + 0.5);
  }
  return [x / sum, y / sum];
}
