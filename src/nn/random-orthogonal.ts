/** Random orthonormal rows or columns, on the host in float64: the orthogonal initializer's matrix. */
import { type Device, runtimeOf } from "../gpu/device.ts";
import { splitmix } from "../tensor/create.ts";

/** A row-major (rows, cols) matrix whose rows (or columns, whichever are fewer) are orthonormal, times `gain`. */
export function orthonormal(device: Device, rows: number, cols: number, gain: number): Float32Array<ArrayBuffer> {
  runtimeOf(device).recorder.tape?.assertNotCapturing("an orthogonal initialization, which draws on the host");
  const wide = rows <= cols;
  const [count, length] = wide ? [rows, cols] : [cols, rows];
  const vectors = gramSchmidt(count, length, normals(device));
  const matrix = new Float32Array(rows * cols);
  vectors.forEach((vector, i) => {
    for (const [j, value] of vector.entries()) matrix[wide ? i * cols + j : j * cols + i] = gain * value;
  });
  return matrix;
}

/** Normal vectors made orthonormal one after the other: directions as uniform as a rotation's (QR with a positive R). */
function gramSchmidt(count: number, length: number, next: () => number): Float64Array[] {
  const done: Float64Array[] = [];
  while (done.length < count) {
    const vector = Float64Array.from({ length }, next);
    // Twice: the second pass removes what rounding left of the first.
    for (let pass = 0; pass < 2; pass++) for (const other of done) subtract(vector, other, dot(vector, other));
    const norm = Math.sqrt(dot(vector, vector));
    done.push(vector.map((value) => value / norm));
  }
  return done;
}

// No check in these loops, of as many steps as a matrix product.

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function subtract(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] = (a[i] as number) - factor * (b[i] as number);
}

/** Normal numbers by Box and Muller, from the device's seed and its next random call. */
function normals(device: Device): () => number {
  const next = splitmix(runtimeOf(device).random.seed, runtimeOf(device).random.call++);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}
