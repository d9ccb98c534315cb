#pragma once
// Checks of a job's output before work starts, and what follows from its name.

#include <string>

#include "engine/opened_input.h"
#include "media/decoder.h"
#include "media/encoder.h"
#include "media/sink.h"
#include "millrace/job.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// Throws Error(usage): no output, equal to the input, exists without -y; Error(failed): its folder is not there or not
/// writable.
void check_output(const Job& job);

/// A data model's output must be a file of lines. Throws Error(usage).
void check_data_output(const Job& job);

/// Throws Error(usage) where pictures are to go into a file for data.
void check_video_output(const Job& job);

/// Where the job's journal lives: as asked, or "<output>.millrace"; for standard output a folder for temporary files.
[[nodiscard]] std::string work_folder(const Job& job);

/// Of a job to standard output whose file another process makes: where it makes it.
[[nodiscard]] std::string file_for_standard_output(const Job& job);

/// check_output(), and where the job's output and journal go.
void resolve_output(const Job& job, pipeline::ResolvedJob& resolved);

/// The encoder that fits the container, when none was named.
[[nodiscard]] std::string default_encoder(const OutputOptions& options);

/// What the options ask of the encoder.
[[nodiscard]] media::EncoderRequest encoder_request(const OutputOptions& options);

/// The sink of a video output, writing into the work folder.
[[nodiscard]] media::SinkOptions sink_options(const Job& job, const std::string& work_folder);

/// Throws Error(usage) when the container cannot hold the codec, naming those that can.
void check_codec_fits(const media::SinkOptions& sink, const media::EncoderSettings& encoder);

/// Planes that a script gives are written as they are. Throws Error(usage) where the encoder takes other pictures.
void check_planes(const infer::ModelDescription& model, const media::EncoderSettings& encoder);

/// How the input is decoded: fixed by the input and the settings.
[[nodiscard]] media::DecoderOptions decoder_options(const Job& job, const OpenedInput& input);

/// Error(bad_input): nothing is left of the input to work on.
[[noreturn]] void throw_no_frames(const Job& job, const OpenedInput& input);

}  // namespace millrace::engine
