#include "pipeline/damage.h"

#include <fmt/format.h>

#include "pipeline/reframe.h"

namespace millrace::pipeline {

core::Error damaged_frame(const std::string& path, std::int64_t pts) {
    return {core::ErrorCode::bad_input,
            fmt::format("{}: the frame at pts {} is damaged; --on-corrupt conceal keeps what the decoder makes of such "
                        "frames, --on-corrupt drop leaves them out",
                        path, pts)};
}

bool fits(const InputPlan& input, const core::PictureDesc& desc) {
    core::PictureDesc promised = input.video.picture;
    if (input.decoded_format) promised.format = *input.decoded_format;
    return desc.width == promised.width && desc.height == promised.height && same_meaning(desc, promised);
}

}  // namespace millrace::pipeline
