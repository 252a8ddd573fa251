/** ONNX's operators that the public surface has, or that ONNX defines by a line or two of what it has. */
import type { Operators } from "../call.ts";
import { create } from "./create.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indexing.ts";
import { loss } from "./loss.ts";
import { movement } from "./movement.ts";
import { norm } from "./norm.ts";
import { optimizers } from "./optimizer.ts";
import { products } from "./products.ts";
import { recurrentLayers } from "./recurrent.ts";
import { reduce } from "./reduce.ts";
import { windows } from "./windows.ts";

export const operators: Operators = {
  ...{ ...create, ...elementwise, ...indexing, ...loss, ...movement, ...norm },
  ...{ ...optimizers, ...products, ...recurrentLayers, ...reduce, ...windows },
};
