/**
 * The base model as a user of TensorFlow.js would write it: its variables, its optimizer, its losses, the embedding made
 * in full. What Polyphase's steps are compared with.
 *
 * @module
 */

import { tf } from "../../models/backend/tf.ts";
import type { StepBatch } from "../../pipeline/train_step.ts";

/** A step of the plain model: takes a batch, gives back its loss. */
export interface PlainModel {
  /** One optimizer step. */
  step(batch: StepBatch): Promise<number>;
  /** Frees the variables. */
  dispose(): void;
}

/** The notebook's classifier, embed 32 and hidden 196, for 49 tokens of 4 pixels and 10 classes, with SGD 0.1. */
export function plainBase(): PlainModel {
  const uniform = (shape: number[], inputs: number) =>
    tf.tidy(() =>
      tf.variable(tf.randomUniform(shape, -1 / Math.sqrt(inputs), 1 / Math.sqrt(inputs), "float32", 0))
    );
  const variables = [
    uniform([4, 32], 4),
    uniform([32], 4),
    uniform([49, 196], 49),
    uniform([196], 49),
    uniform([196, 10], 196),
    uniform([10], 196),
  ] as const;
  const [embedWeight, embedBias, weight1, bias1, weight2, bias2] = variables;
  const optimizer = tf.train.sgd(0.1);
  return {
    async step({ tokens, labels }) {
      const loss = optimizer.minimize(() => {
        const embedded = tf.matMul(
          tf.reshape(tokens, [-1, 4]),
          embedWeight,
        );
        const means = tf.mean(tf.reshape(tf.add(embedded, embedBias), [-1, 49, 32]), 2);
        const hidden = tf.add(tf.matMul(means, weight1), bias1);
        const active = tf.mul(tf.mul(hidden, 0.5), tf.add(tf.erf(tf.mul(hidden, Math.SQRT1_2)), 1));
        const logits = tf.add(tf.matMul(active, weight2), bias2);
        return tf.losses.softmaxCrossEntropy(labels, logits).asScalar();
      }, true)!;
      const [value] = await loss.data();
      loss.dispose();
      return value;
    },
    dispose() {
      variables.forEach((variable) => variable.dispose());
      optimizer.dispose();
    },
  };
}
