#include "ops/conversions.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops::test {

device::Tensor convert(const device::Picture& picture, const TensorSpec& spec, std::optional<ResizeSpec> resize) {
    const ToTensor op(picture.desc, spec, resize);
    device::Tensor tensor = make_tensor(op.output());
    op.run(device::host_stream(), picture, tensor);
    return tensor;
}

device::Picture back(const device::Tensor& tensor, const TensorSpec& spec, const core::PictureDesc& desc) {
    device::Picture picture = make_picture(desc);
    ToPicture(spec, desc.width, desc.height, desc).run(device::host_stream(), tensor, nullptr, picture);
    return picture;
}

int largest_difference(const device::Picture& a, const device::Picture& b) {
    const std::vector<int> x = samples(a);
    const std::vector<int> y = samples(b);
    int worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(x[i] - y.at(i)));
    return worst;
}

core::PictureDesc family_desc(core::ColorFamily family, int depth, int width, int height) {
    core::PictureDesc desc = yuv_desc(width, height, depth, {0, 0});
    desc.format.family = family;
    if (family == core::ColorFamily::rgb) desc.color.matrix = core::Matrix::identity;
    return desc;
}

}  // namespace millrace::ops::test
