/** The same program from the package's parts, so that bundlers leave out what it does not use. */
import { capture, init, tensor } from "gradwell/core";
import * as data from "gradwell/data";
import * as nn from "gradwell/nn";
import * as optim from "gradwell/optim";
import { train } from "./train.js";

globalThis.result = train({ capture, data, init, nn, optim, tensor });
