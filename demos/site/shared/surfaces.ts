/** The surfaces of two parameters: formula, window, where paths start and where they should end. */
import type { SurfaceName } from "./protocol.ts";

export const ROSENBROCK = 20;
/** Coefficient of y^4, which bounds the saddle from below. */
export const SADDLE = 0.05;

export interface Surface {
  label: string;
  /** Ends of the window. */
  x: [number, number];
  y: [number, number];
  start: [number, number];
  /** Minima. */
  goals: [number, number][];
  height(x: number, y: number, condition: number): number;
}

export const SURFACES: Record<SurfaceName, Surface> = {
  quadratic: {
    label: "quadratic",
    x: [-4.5, 1.5],
    y: [-1.5, 1.5],
    start: [-4, 1],
    goals: [[0, 0]],
    height: (x, y, condition) => (x * x + condition * y * y) / 2,
  },
  rosenbrock: {
    label: "Rosenbrock",
    x: [-1.6, 1.6],
    y: [-0.6, 1.8],
    start: [-1.2, 1],
    goals: [[1, 1]],
    height: (x, y) => (1 - x) ** 2 + ROSENBROCK * (y - x * x) ** 2,
  },
  saddle: {
    label: "saddle",
    x: [-2.4, 1.2],
    y: [-0.8, 3.6],
    start: [-2, 0.01],
    goals: [[0, Math.sqrt(1 / (4 * SADDLE))]],
    height: (x, y) => (x * x - y * y) / 2 + SADDLE * y ** 4,
  },
};
