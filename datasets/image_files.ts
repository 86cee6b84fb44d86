/**
 * Listing the pictures of a folder that has a folder a class.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";

/** A picture that has not been read yet. */
export interface ListedImage {
  /** Its path. */
  readonly path: string;
  /** Its path below the data set's folder, with `/` between its parts. */
  readonly name: string;
  /** Length of the file in bytes. */
  readonly bytes: number;
  /** Class index. */
  readonly label: number;
}

/** The pictures of a data set's folder. */
export interface Listing {
  /** Last part of the folder's path. */
  readonly name: string;
  /** Class names by label. */
  readonly classes: readonly string[];
  /** Pictures to learn from, or all if the folder has no split of its own; by class, then by name. */
  readonly train: readonly ListedImage[];
  /** Pictures to test on, if the folder has a split of its own. */
  readonly test: readonly ListedImage[] | undefined;
}

const EXTENSIONS = /\.(png|jpe?g)$/i;
const LAYOUT = "expected PATH/train/<class>/ and PATH/test/<class>/, or PATH/<class>/";
/** Labels are bytes. */
const MOST_CLASSES = 256;

/**
 * Lists the PNG and JPEG files of a folder by class. Names that begin with a dot are passed over.
 *
 * @throws {PolyphaseError} if the folder cannot be read, has another layout, or a class without pictures
 */
export function listImages(path: string): Listing {
  if (typeof Deno === "undefined") {
    throw new PolyphaseError(`Cannot read the folder ${path}: a browser has no folders; run this with Deno`);
  }
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
    throw new PolyphaseError(`Cannot read ${path}: there is no permission: add --allow-read=${path}`);
  }
  const root = path.replaceAll("\\", "/").replace(/(.)\/+$/, "$1");
  const folders = subfolders(root, path);
  const name = root.slice(root.lastIndexOf("/") + 1);
  if (!folders.includes("train")) {
    const classes = checkClasses(folders, path);
    return { name, classes, train: listClasses(root, "", classes, classes), test: undefined };
  }
  const held = ["test", "val"].find((folder) => folders.includes(folder));
  if (held === undefined) {
    throw new PolyphaseError(`${path} has a folder train, but neither test nor val: ${LAYOUT}`);
  }
  const classes = checkClasses(subfolders(`${root}/train`, path), `${path}/train`);
  const tested = checkClasses(subfolders(`${root}/${held}`, path), `${path}/${held}`);
  const unknown = tested.find((each) => !classes.includes(each));
  if (unknown !== undefined) {
    throw new PolyphaseError(
      `${path}/${held} has a class ${unknown} that ${path}/train has not: add images to train/${unknown}, or remove it`,
    );
  }
  return {
    name,
    classes,
    train: listClasses(root, "train/", classes, classes),
    test: listClasses(root, `${held}/`, tested, classes),
  };
}

function checkClasses(folders: readonly string[], path: string): readonly string[] {
  if (folders.length === 0) throw new PolyphaseError(`${path} has no folders of classes: ${LAYOUT}`);
  if (folders.length > MOST_CLASSES) {
    throw new PolyphaseError(
      `${path} has ${folders.length} classes, expected ${MOST_CLASSES} at most: join some`,
    );
  }
  return folders;
}

function listClasses(
  root: string,
  below: string,
  folders: readonly string[],
  classes: readonly string[],
): ListedImage[] {
  return folders.flatMap((folder) => {
    const label = classes.indexOf(folder);
    const images = walk(`${root}/${below}${folder}`, `${below}${folder}`, label);
    if (images.length === 0) {
      throw new PolyphaseError(
        `${root}/${below}${folder} has no .png, .jpg or .jpeg files: add some, or remove the folder`,
      );
    }
    return images;
  });
}

function walk(folder: string, name: string, label: number): ListedImage[] {
  const images: ListedImage[] = [];
  for (const entry of entries(folder)) {
    const path = `${folder}/${entry}`;
    const info = Deno.statSync(path);
    if (info.isDirectory) images.push(...walk(path, `${name}/${entry}`, label));
    else if (EXTENSIONS.test(entry)) images.push({ path, name: `${name}/${entry}`, bytes: info.size, label });
  }
  return images;
}

function subfolders(root: string, path: string): string[] {
  try {
    return entries(root).filter((entry) => Deno.statSync(`${root}/${entry}`).isDirectory);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new PolyphaseError(`There is no folder ${path}: ${LAYOUT}`);
    }
    if (error instanceof Deno.errors.NotADirectory) {
      throw new PolyphaseError(`${path} is no folder: ${LAYOUT}`);
    }
    throw error;
  }
}

/** Names in a folder, in code-unit order, without hidden ones. */
function entries(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), (entry) => entry.name)
    .filter((name) => !name.startsWith("."))
    .sort();
}
