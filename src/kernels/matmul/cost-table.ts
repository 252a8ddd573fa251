/** The form of the table of measured costs. */

/** `microseconds = fixed + work * perWork + bytes * perByte`, of a kernel with its number of parts of K. */
export type LinearCost = readonly [fixed: number, perWork: number, perByte: number];

export interface ArchitectureCosts {
  /** Costs by kernel, `variant/splits`. */
  readonly costs: Readonly<Record<string, LinearCost>>;
  /** Shapes for which the cheapest by cost takes over 10 % longer than the fastest, and that one. */
  readonly exceptions: Readonly<Record<string, string>>;
}
