#include <utility>

#include "pipeline/feeder.h"

namespace millrace::pipeline {

namespace {

class PictureFeeder final : public Feeder {
  public:
    PictureFeeder(Profile& profile, std::stop_token stop) : profile_(profile), stop_(std::move(stop)) {}

    void begin(std::shared_ptr<ResultSink> sink) override {
        sink_ = std::move(sink);
        frames_ = 0;
    }

    core::Push push(device::Picture picture, FrameRole role) override {
        if (role == FrameRole::halo) return core::Push::pushed;
        FrameTag tag{frames_++, picture.pts, picture.duration, nullptr};
        const Timed waiting(profile_, Stage::decode, Activity::wait_output);
        return sink_->push({std::move(tag), std::move(picture)}, stop_);
    }

    core::Push end() override {
        sink_ = nullptr;
        return core::Push::pushed;
    }

    [[nodiscard]] std::int64_t frames() const override { return frames_; }

  private:
    Profile& profile_;
    std::stop_token stop_;
    std::shared_ptr<ResultSink> sink_;
    std::int64_t frames_ = 0;
};

}  // namespace

std::unique_ptr<Feeder> make_picture_feeder(Profile& profile, std::stop_token stop) {
    return std::make_unique<PictureFeeder>(profile, std::move(stop));
}

}  // namespace millrace::pipeline
