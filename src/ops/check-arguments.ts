/** Checks of arguments that several operations share. */
import { ArgumentError, check, DtypeError, expected } from "../errors.ts";
import { isFloat } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";

export function checkFloat(op: string, argument: string, x: Tensor | undefined): void {
  check(!x || isFloat(x.dtype), DtypeError, () => expected(op, argument, "a float tensor", `dtype ${x?.dtype}`));
}

export function checkEps(op: string, eps: number): void {
  check(Number.isFinite(eps) && eps >= 0, ArgumentError, () => expected(op, "eps", "a finite number >= 0", eps));
}
