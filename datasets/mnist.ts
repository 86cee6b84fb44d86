/**
 * MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 × 28, grey, in ten classes.
 *
 * Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
 * Proceedings of the IEEE 86(11), 1998.
 *
 * @module
 */

import { MNIST_SHA256 } from "./checksums.ts";
import type { Dataset } from "./dataset.ts";
import { idxDataset, type IdxSource, type PublishedOptions } from "./idx_dataset.ts";
import { hostSystem, type System } from "./system.ts";

const SOURCE: IdxSource = {
  name: "mnist",
  title: "MNIST",
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  sha256: MNIST_SHA256,
  subfolders: ["mnist", "MNIST/raw"],
  mirrors: [
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
  ],
};

/**
 * MNIST. Its files are the publisher's, checked by SHA-256; where they are not found they are fetched.
 *
 * @param options `size` in pixels, by default 28; `dir`, a folder that holds the files.
 * @param system The machine to look on, by default the host.
 * @throws {PolyphaseError} if `size` is not a whole number of at least 1; `load` throws one if the files cannot be had
 */
export function mnist(options: PublishedOptions = {}, system: System = hostSystem()): Dataset {
  return idxDataset(SOURCE, options, system);
}
