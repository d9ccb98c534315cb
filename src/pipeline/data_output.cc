#include <utility>

#include "infer/data_result.h"
#include "pipeline/segment_output.h"

namespace millrace::pipeline {

namespace {

class DataOutput final : public SegmentOutput {
  public:
    DataOutput(const OutputHouse& house, SegmentSeat seat) : SegmentOutput(house, std::move(seat)) {
        if (this->seat().work == SegmentWork::full) {
            writer_.emplace(house.ledger.segment_path(this->seat().segment.number));
        }
    }

  protected:
    void handle(FrameResult frame) override {
        if (!writer_) return;
        const auto& result = std::get<ModelResult>(frame.content);
        wait_for(*result.outputs);
        const Timed busy(house().profile, Stage::encode, Activity::busy);
        const infer::DataLine line =
            infer::format_data(house().job.model->model, *result.outputs, result.slot, stamp_of(frame.tag));
        nan_values_ += line.nan_count;
        writer_->add(line.text);
        house().profile.count_frames(Stage::encode);
        house().frames_done(1);
    }

    void finish(SegmentRecord record) override {
        if (!writer_) return;
        record.nan_values = nan_values_;
        record.digest = writer_->finish();
        house().ledger.add(record);
        house().segment_done(record);
    }

  private:
    // They may be still on their way from a GPU.
    void wait_for(const std::vector<device::Tensor>& outputs) {
        const Timed waiting(house().profile, Stage::encode, Activity::wait_input);
        for (const device::Tensor& output : outputs) {
            device::wait_readable(output.timeline);
        }
    }

    std::optional<SegmentWriter> writer_;
    std::int64_t nan_values_ = 0;
};

}  // namespace

std::shared_ptr<SegmentOutput> make_data_output(const OutputHouse& house, SegmentSeat seat) {
    return std::make_shared<DataOutput>(house, std::move(seat));
}

}  // namespace millrace::pipeline
