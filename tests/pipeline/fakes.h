#pragma once
// A job whose decoder, encoder and model are made up: what goes in and out is known to the frame.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pipeline/job.h"
#include "pipeline/runner.h"
#include "pipeline/support.h"

namespace millrace::pipeline::test {

/// A video of 16x8 grey pictures; frame n is luma_of(n) all over.
struct FakeVideo {
    std::shared_ptr<media::PacketIndex> index;
    std::set<std::int64_t> corrupt;                  ///< pts of frames that come damaged
    std::set<std::int64_t> missing;                  ///< pts of frames that never come
    std::function<void(std::int64_t pts)> on_frame;  ///< called before each frame, on the lane's thread
    std::atomic<int> readers{0};                     ///< opened so far
};

[[nodiscard]] int luma_of(std::int64_t frame);
[[nodiscard]] core::PictureDesc fake_picture_desc();

/// What a fake encoder does. A packet's payload tells what its instance knew when it made it: "pts kind luma" and the
/// luma of the frame before and the `lookahead` frames behind, as rate control would.
struct FakeCodec {
    int lookahead = 0;
    std::function<void(std::int64_t pts)> on_send;
    bool loses_last_packet = false;
    std::atomic<int> open{0};       ///< instances that exist
    std::atomic<int> most_open{0};  ///< so far
};

/// Output = (1 f0 + 2 f1 + ... ) / (1 + 2 + ...) over the window's frames, oldest first; with a state, the mean of that
/// and the output before.
class FakeSession final : public infer::Session {
  public:
    explicit FakeSession(infer::ModelDescription model);

    [[nodiscard]] const infer::ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& input_descs() const override { return inputs_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& output_descs() const override { return outputs_; }
    [[nodiscard]] device::StreamRef stream() const override { return device::host_stream(); }
    void run(device::StreamRef stream, const infer::RunTensors& tensors) override;
    [[nodiscard]] infer::SessionReport report() const override { return {}; }

    std::function<void()> on_run;

  private:
    infer::ModelDescription model_;
    std::vector<core::TensorDesc> inputs_;
    std::vector<core::TensorDesc> outputs_;
};

/// Settings of a fake job. Frames are 10 ticks of 1/1000 s apart, access points 5 frames, segments 10 frames.
struct FakeJob {
    std::int64_t frames = 60;
    int context_frames = 0;
    std::optional<infer::ModelDescription> model;  ///< fake_model()
    int model_workers = 1;
    int lanes = 1;
    bool data = false;
    std::size_t stations = 1;
};

[[nodiscard]] infer::ModelDescription fake_model(infer::Window window, int batch,
                                                 infer::Order order = infer::Order::any);

/// A job with everything it needs. Not thread-safe; its hooks must be set before run().
class Rig {
  public:
    explicit Rig(const FakeJob& settings);

    /// Runs what the journal does not hold.
    RunResult run(const std::stop_token& stop = {});
    /// Payloads of a segment's packets, in the order of the file.
    [[nodiscard]] std::vector<std::string> packets(int segment) const;
    /// All segment files, by number.
    [[nodiscard]] std::map<int, std::string> files() const;
    void forget(int segment) const;

    FakeVideo video;
    FakeCodec codec;
    std::vector<std::unique_ptr<FakeSession>> sessions;  ///< one a station
    ResolvedJob job;
    Backends backends;
    std::function<void(const RunProgress&)> observe = [](const RunProgress&) {};
    Profile profile{Tracing::on};

  private:
    void fill_model(const FakeJob& settings);
    [[nodiscard]] std::string segment_path(int segment) const;

    TemporaryFolder folder_;
};

/// Jobs with and without context, with no model, one of a frame, one with a window, a sequential one.
[[nodiscard]] std::vector<FakeJob> kinds_of_jobs();

/// Numbers of the segments of `a` whose files `b` lacks or has otherwise.
[[nodiscard]] std::vector<int> differing(const std::map<int, std::string>& a, const std::map<int, std::string>& b);

/// What Rig::packets() gives begins with the pts.
[[nodiscard]] std::vector<std::int64_t> pts_of(const std::vector<std::string>& packets);

}  // namespace millrace::pipeline::test
