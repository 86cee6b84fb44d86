/**
 * SHA-256 checksums of published files, taken over their **uncompressed** bytes, since gzip files of the same content
 * differ.
 *
 * MNIST and Fashion-MNIST have files of the same names and lengths: nothing else tells them apart.
 *
 * @module
 */

/** The four files of a data set in the layout of MNIST. */
export type IdxFile =
  | "train-images-idx3-ubyte"
  | "train-labels-idx1-ubyte"
  | "t10k-images-idx3-ubyte"
  | "t10k-labels-idx1-ubyte";

/** Checksums of Fashion-MNIST. */
export const FASHION_MNIST_SHA256: Readonly<Record<IdxFile, string>> = {
  "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
  "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
  "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
  "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
};

/** Checksums of MNIST. */
export const MNIST_SHA256: Readonly<Record<IdxFile, string>> = {
  "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
  "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
  "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
  "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
};

/** The published file that has this checksum, for example `MNIST's t10k-labels-idx1-ubyte`, if it is a known one. */
export function knownAs(sha256: string): string | undefined {
  for (const [title, sums] of [["Fashion-MNIST", FASHION_MNIST_SHA256], ["MNIST", MNIST_SHA256]] as const) {
    const file = Object.entries(sums).find(([, sum]) => sum === sha256);
    if (file) return `${title}'s ${file[0]}`;
  }
  return undefined;
}
