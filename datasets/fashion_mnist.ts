/**
 * Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28 × 28, grey, in ten classes of equal size.
 *
 * H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
 * algorithms", arXiv:1708.07747. MIT licence.
 *
 * @module
 */

import { FASHION_MNIST_SHA256 } from "./checksums.ts";
import type { Dataset } from "./dataset.ts";
import { idxDataset, type IdxSource, type PublishedOptions } from "./idx_dataset.ts";
import { hostSystem, type System } from "./system.ts";

/** Class names of Fashion-MNIST by label. */
export const FASHION_CLASSES: readonly string[] = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

const SOURCE: IdxSource = {
  name: "fashion-mnist",
  title: "Fashion-MNIST",
  classes: FASHION_CLASSES,
  sha256: FASHION_MNIST_SHA256,
  subfolders: ["fashion-mnist", "FashionMNIST/raw"],
  mirrors: [
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
  ],
  debian: { name: "dataset-fashion-mnist", folder: "/usr/share/datasets/fashion-mnist" },
};

/**
 * Fashion-MNIST. Its files are the publisher's, checked by SHA-256; where they are not found they are fetched.
 *
 * @param options `size` in pixels, by default 28; `dir`, a folder that holds the files.
 * @param system The machine to look on, by default the host.
 * @throws {PolyphaseError} if `size` is not a whole number of at least 1; `load` throws one if the files cannot be had
 */
export function fashionMnist(options: PublishedOptions = {}, system: System = hostSystem()): Dataset {
  return idxDataset(SOURCE, options, system);
}
