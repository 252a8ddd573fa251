/** The entry of the bundles: trains in the page, then in a worker. */
import { capture, data, init, nn, optim, tensor } from "gradwell";
import { train } from "./train.js";

globalThis.result = train({ capture, data, init, nn, optim, tensor });
