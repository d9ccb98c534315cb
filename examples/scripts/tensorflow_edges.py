"""TensorFlow: edges, as Sobel's filter finds them. TensorFlow wants the channels last.

millrace run -i in.mp4 -o out.mp4 --script tensorflow_edges.py
"""

import tensorflow as tf
from millrace import processor


@tf.function
def edges(frames):
    down, right = tf.unstack(tf.image.sobel_edges(frames), axis=-1)
    return tf.minimum(tf.sqrt(down * down + right * right), 1.0)


@processor(layout="nhwc", batch=8)
def outline(batch):
    return edges(batch.to_tf())
