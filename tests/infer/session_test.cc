#include "infer/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "infer/model_fixture.h"
#include "infer/shapes.h"
#include "support/error_of.h"

namespace millrace::infer {
namespace {

using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Shape = std::vector<std::int64_t>;

const std::filesystem::path oracle = MILLRACE_TEST_ORACLE;

/// Runs a case of oracle.py and compares every output byte for byte.
class AgainstPython : public ::testing::TestWithParam<std::string> {};

TEST_P(AgainstPython, GivesTheSameBytes) {
    const std::filesystem::path folder = oracle / GetParam();
    const nlohmann::json expected = nlohmann::json::parse(read_all(folder / "shapes.json"));
    ModelRequest request = test_request(expected["model"]);
    request.threads = expected["threads"];
    request.batch = expected["inputs"][0][0].get<int>();
    const ModelDescription model = describe_model(request);
    const auto shape = expected["inputs"][0].get<Shape>();
    const Axes axes = picture_axes(model.layout, shape.size());
    const auto extent = [&shape](int axis) { return static_cast<int>(shape[static_cast<std::size_t>(axis)]); };
    const auto session = make_session(request, model, {extent(axes.width), extent(axes.height)});

    const Tensors inputs = lease_all(session->input_descs());
    Tensors outputs = lease_all(session->output_descs());
    ASSERT_EQ(inputs.size(), expected["inputs"].size());
    ASSERT_EQ(outputs.size(), expected["outputs"].size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        EXPECT_EQ(inputs[i].desc.shape, expected["inputs"][i].get<Shape>());
        const std::string bytes = read_all(folder / ("in" + std::to_string(i) + ".bin"));
        ASSERT_EQ(bytes.size(), inputs[i].desc.byte_count());
        std::memcpy(inputs[i].data, bytes.data(), bytes.size());
    }
    session->run(device::host_stream(), {inputs, outputs});
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        EXPECT_EQ(outputs[i].desc.shape, expected["outputs"][i].get<Shape>());
        const std::string bytes = read_all(folder / ("out" + std::to_string(i) + ".bin"));
        ASSERT_EQ(bytes.size(), outputs[i].desc.byte_count());
        EXPECT_EQ(std::memcmp(outputs[i].data, bytes.data(), bytes.size()), 0) << "output " << i;
    }
}

INSTANTIATE_TEST_SUITE_P(Session, AgainstPython,
                         ::testing::Values("conv", "conv_threads", "conv_batch", "linear2x", "nhwc", "half",
                                           "normalized", "window", "window_axis", "recurrent", "two_outputs",
                                           "classifier", "luma", "static_batch"),
                         [](const auto& parameter) { return parameter.param; });

TEST(Session, UpscalesByRepeatingPixels) {
    const ModelRequest request = test_request("nearest2x.onnx");
    const auto session = make_session(request, describe_model(request), {4, 2});
    ASSERT_EQ(session->input_descs().at(0).shape, (Shape{1, 3, 2, 4}));
    ASSERT_EQ(session->output_descs().at(0).shape, (Shape{1, 3, 4, 8}));
    const Tensors inputs = lease_all(session->input_descs());
    Tensors outputs = lease_all(session->output_descs());
    for (int i = 0; i < 24; ++i) inputs[0].as<float>()[i] = static_cast<float>(i);
    session->run(device::host_stream(), {inputs, outputs});
    for (int i = 0; i < 3 * 4 * 8; ++i) {
        const int x = i % 8;
        const int y = i / 8 % 4;
        const int c = i / 32;
        const int source = (c * 2 + y / 2) * 4 + x / 2;
        EXPECT_EQ(outputs[0].as<float>()[i], static_cast<float>(source));
    }
}

TEST(Session, FourThreadsAtOnceGetTheBytesOfOne) {
    ModelRequest request = test_request("conv_rf.onnx");
    request.threads = 2;
    const auto session = make_session(request, describe_model(request), {131, 97});
    const Tensors inputs = lease_all(session->input_descs());
    const std::string bytes = read_all(oracle / "conv" / "in0.bin");
    std::memcpy(inputs[0].data, bytes.data(), bytes.size());
    const std::string expected = read_all(oracle / "conv" / "out0.bin");
    std::array<int, 4> differing{};
    {
        std::vector<std::jthread> threads;
        threads.reserve(differing.size());
        for (int& differs : differing) {
            threads.emplace_back([&session, &inputs, &expected, &differs] {
                for (int i = 0; i < 5; ++i) {
                    Tensors outputs = lease_all(session->output_descs());
                    session->run(device::host_stream(), {inputs, outputs});
                    differs += std::memcmp(outputs[0].data, expected.data(), expected.size()) != 0 ? 1 : 0;
                }
            });
        }
    }
    EXPECT_EQ(differing, (std::array<int, 4>{}));
}

TEST(Session, CarriedStateComesBackInTheSameShape) {
    const ModelRequest request = test_request("recurrent.onnx");
    const auto session = make_session(request, describe_model(request), {8, 4});
    ASSERT_EQ(session->model().states, (std::vector<std::pair<int, int>>{{1, 1}}));
    EXPECT_EQ(session->input_descs()[1], session->output_descs()[1]);
    Tensors inputs = lease_all(session->input_descs());
    Tensors outputs = lease_all(session->output_descs());
    std::fill_n(inputs[0].as<float>(), inputs[0].desc.element_count(), 1.0F);
    // state' = (1 + state) / 2 from 0: 1/2, 3/4, 7/8.
    for (const float expected : {0.5F, 0.75F, 0.875F}) {
        session->run(device::host_stream(), {inputs, outputs});
        EXPECT_EQ(outputs[0].as<float>()[7], expected);
        std::swap(inputs[1], outputs[1]);
    }
}

TEST(Session, ShapesThatTheGraphLeavesOpenAreFoundByRunning) {
    const TemporaryFolder folder;
    const std::string path = folder.path() / "open.onnx";
    // Unnamed dimensions, and a Resize whose factor is computed from the input's values: inference cannot know it.
    run_python(
        "import numpy as np, onnx\n"
        "from onnx import helper as h, numpy_helper as n, TensorProto as T\n"
        "io = lambda name: h.make_tensor_value_info(name, T.FLOAT, [None, 3, None, None])\n"
        "g = h.make_graph([h.make_node('ReduceMax', ['input'], ['top'], keepdims=0),\n"
        "    h.make_node('Mul', ['top', 'zeros'], ['none']), h.make_node('Add', ['none', 'scales'], ['factor']),\n"
        "    h.make_node('Resize', ['input', '', 'factor'], ['output'], mode='nearest')], 'open', [io('input')],\n"
        "    [io('output')], [n.from_array(np.zeros(4, np.float32), 'zeros'),\n"
        "    n.from_array(np.array([1, 1, 3, 3], np.float32), 'scales')])\n"
        "onnx.save(h.make_model(g, opset_imports=[h.make_opsetid('', 17)], ir_version=8), '" +
        path + "')\n");
    ModelRequest request = test_request("identity.onnx");
    request.path = path;
    const auto session = make_session(request, describe_model(request), {5, 4});
    EXPECT_EQ(session->output_descs().at(0).shape, (Shape{1, 3, 12, 15}));
    const Tensors inputs = lease_all(session->input_descs());
    Tensors outputs = lease_all(session->output_descs());
    inputs[0].as<float>()[0] = 2.0F;
    session->run(device::host_stream(), {inputs, outputs});
    EXPECT_EQ(outputs[0].as<float>()[2 * 15 + 2], 2.0F);
}

TEST(Session, RefusesAPictureThatIsNoWholeMultiple) {
    const TemporaryFolder folder;
    const std::string path = folder.path() / "wide.onnx";
    run_python(
        "import numpy as np, onnx\n"
        "from onnx import helper as h, numpy_helper as n, TensorProto as T\n"
        "io = lambda name, hw: h.make_tensor_value_info(name, T.FLOAT, ['N', 3] + hw)\n"
        "g = h.make_graph([h.make_node('Resize', ['input', '', 'scales'], ['output'])], 'wide',\n"
        "    [io('input', ['H', 'W'])], [io('output', ['A', 'B'])],\n"
        "    [n.from_array(np.array([1, 1, 1, 2], np.float32), 'scales')])\n"
        "onnx.save(h.make_model(g, opset_imports=[h.make_opsetid('', 17)], ir_version=8), '" +
        path + "')\n");
    ModelRequest request = test_request("identity.onnx");
    request.path = path;
    const core::Error error = error_of([&] { (void)make_session(request, describe_model(request), {32, 18}); });
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(path), HasSubstr("'output' is float32 [1, 3, 18, 64] for a 32x18 input"),
                                    HasSubstr("whole multiple"), HasSubstr("output.kind")));
}

TEST(Session, RefusesASizeThatTheModelDoesNotTake) {
    const ModelRequest request = test_request("static_size.onnx");
    const ModelDescription model = describe_model(request);
    EXPECT_EQ(model.input_size, (Size{64, 64}));
    const core::Error error = error_of([&] { (void)make_session(request, model, {32, 18}); });
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("static_size.onnx"), HasSubstr("takes float32 [1, 3, 64, 64] only"),
                                    HasSubstr("float32 [1, 3, 18, 32]")));
}

TEST(Session, RefusesLabelsThatDoNotCountItsValues) {
    ModelRequest request = test_request("mean_rgb.onnx");
    request.overrides["output.labels"] = "red,green";
    const core::Error error = error_of([&] { (void)make_session(request, describe_model(request), {32, 18}); });
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("3 values a frame"), HasSubstr("output.labels has 2 names")));
}

}  // namespace
}  // namespace millrace::infer
