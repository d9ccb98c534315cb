#pragma once
// Joins layers, so that what can be computed in one pass over memory is one layer.

#include "infer/fused/draft.h"

namespace millrace::infer::fused {

/// Removes layers whose results nobody reads.
void remove_unread(Draft& draft);

/// Steps on their own join the layer before them, where nobody else reads that layer's result. Where a step puts two
/// values together, that is the one computed last, and the other becomes the step's value.
void join_steps(Draft& draft);

/// Steps with constants only move before the pixel shuffle in front of them, so that the layer before it takes them.
void move_before_shuffles(Draft& draft);

/// Zeros around a picture become padding of the convolution or the mean that is their only reader.
void join_padding(Draft& draft);

/// Resizing joins the concatenation that is its only reader.
void join_resizes(Draft& draft);

/// Removes layers that change nothing, but for those that stand between an input and a value that is wanted outside.
void remove_idle(Draft& draft);

}  // namespace millrace::infer::fused
