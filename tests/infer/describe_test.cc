// describe_model on real files: metadata, model.json, overrides, fingerprints, and files that are no models.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "infer/external_data.h"
#include "infer/model_fixture.h"
#include "infer/session.h"
#include "support/error_of.h"

namespace millrace::infer {
namespace {

using millrace::test::error_of;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

ModelDescription describe(const std::string& file) { return describe_model(test_request(file)); }
core::Error refused(const ModelRequest& request) {
    return error_of([&request] { (void)describe_model(request); });
}

TEST(Describe, MetadataIsRead) {
    const ModelDescription bgr = describe("bgr255_identity.onnx");
    EXPECT_EQ(bgr.color, InputColor::bgr);
    EXPECT_EQ(bgr.range, 255.0F);
    EXPECT_EQ(bgr.origins.at("input.color"), "metadata");
    EXPECT_EQ(bgr.origins.at("input.fit"), "default");
    EXPECT_EQ(describe("normalized_identity.onnx").std, (std::array<float, 3>{0.229F, 0.224F, 0.225F}));
    EXPECT_EQ(describe("window3_mean.onnx").window.after, 1);
    EXPECT_TRUE(describe("window_rank5.onnx").window_axis);
    EXPECT_EQ(describe("luma.onnx").color, InputColor::luma);
    EXPECT_EQ(describe("nhwc_identity.onnx").layout, Layout::nhwc);
    EXPECT_EQ(describe("static_batch4.onnx").batch, 4);
    EXPECT_EQ(describe("fp16_identity.onnx").dtype, core::DType::float16);
    EXPECT_EQ(describe("conv_rf_tiled.onnx").tile->overlap, 8);
    const ModelDescription classifier = describe("classifier.onnx");
    EXPECT_EQ(classifier.output, OutputKind::data);
    EXPECT_EQ(classifier.input_size, (Size{32, 18}));
    EXPECT_EQ(classifier.labels.back(), "dark");
}

TEST(Describe, PortsKeepTheirNamesAndFreeDimensions) {
    const ModelDescription model = describe("two_outputs.onnx");
    ASSERT_EQ(model.outputs.size(), 2U);
    EXPECT_EQ(model.inputs.at(0).axis_names, (std::vector<std::string>{"N", "", "H", "W"}));
    EXPECT_EQ(model.outputs.at(1).name, "vector");
    EXPECT_EQ(model.outputs.at(1).desc.shape, (std::vector<std::int64_t>{-1, 3}));
}

TEST(Describe, ModelJsonBeatsMetadataAndTheCommandLineBeatsBoth) {
    const TemporaryFolder folder;
    ModelRequest request = folder.copy_of("bgr255_identity.onnx");
    folder.write("model.json", R"({"input.color": "rgb", "input.mean": [1, 2, 3]})");
    request.overrides = {{"input.mean", "4"}};
    request.batch = 3;
    const ModelDescription model = describe_model(request);
    EXPECT_EQ(model.range, 255.0F);
    EXPECT_EQ(model.origins.at("input.range"), "metadata");
    EXPECT_EQ(model.color, InputColor::rgb);
    EXPECT_EQ(model.origins.at("input.color"), "model.json");
    EXPECT_EQ(model.mean, (std::array<float, 3>{4, 4, 4}));
    EXPECT_EQ(model.origins.at("input.mean"), "command line");
    EXPECT_EQ(model.batch, 3);
    EXPECT_EQ(model.origins.at("batch"), "command line");
}

TEST(Describe, BadSettingsNameTheirFile) {
    const core::Error metadata = refused(test_request("bad_metadata.onnx"));
    EXPECT_EQ(metadata.code(), core::ErrorCode::usage);
    EXPECT_THAT(metadata.what(), AllOf(HasSubstr("bad_metadata.onnx (metadata): input.layout is 'sideways'"),
                                       HasSubstr("expected nchw or nhwc")));
    const TemporaryFolder folder;
    const ModelRequest request = folder.copy_of("identity.onnx");
    const std::string path = folder.write("model.json", R"({"input.layot": "nchw"})");
    EXPECT_THAT(refused(request).what(), HasSubstr(path + ": no model setting is called 'input.layot'"));
    folder.write("model.json", "{");
    EXPECT_THAT(refused(request).what(), HasSubstr(path + ": expected one JSON object"));
}

TEST(Describe, FilesThatAreNoModelsAreRefused) {
    const core::Error text = refused(test_request("not_onnx.onnx"));
    EXPECT_EQ(text.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(text.what(), AllOf(HasSubstr("not_onnx.onnx is not an ONNX file"), HasSubstr("torch.onnx.export")));
    EXPECT_THAT(refused(test_request("empty.onnx")).what(), HasSubstr("empty.onnx is not an ONNX file"));
    const core::Error missing = refused(test_request("no_such.onnx"));
    EXPECT_EQ(missing.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(missing.what(), HasSubstr("no_such.onnx: no such file"));
    EXPECT_THAT(refused(test_request("")).what(), HasSubstr("is not a file"));
}

TEST(Describe, AnUnknownOperatorIsNamed) {
    const core::Error error = refused(test_request("unknown_op.onnx"));
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("unknown_op.onnx uses an operator"), HasSubstr("example.unknown:Mystery")));
}

TEST(Describe, WrongChannelsAreRefusedBeforeWorkStarts) {
    const core::Error error = refused(test_request("wrong_channels.onnx"));
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("wrong_channels.onnx"), HasSubstr("5 channels, expected 3")));
}

TEST(Describe, OtherElementTypesAreRefused) {
    const TemporaryFolder folder;
    ModelRequest request = test_request("double.onnx");
    request.path = folder.path() / "double.onnx";
    run_python(
        "import onnx\n"
        "from onnx import helper as h, TensorProto as T\n"
        "io = lambda name: h.make_tensor_value_info(name, T.DOUBLE, ['N', 3, 'H', 'W'])\n"
        "g = h.make_graph([h.make_node('Identity', ['x'], ['y'])], 'double', [io('x')], [io('y')])\n"
        "onnx.save(h.make_model(g, opset_imports=[h.make_opsetid('', 17)], ir_version=8), '" +
        request.path + "')\n");
    EXPECT_THAT(refused(request).what(),
                AllOf(HasSubstr("double.onnx: 'x' is of a type"), HasSubstr("float32, float16")));
}

TEST(Fingerprint, IsTheSha256OfTheFile) {
    const ModelDescription model = describe("identity.onnx");
    const std::string expected = run_python("import hashlib\nprint(hashlib.sha256(open('" + model.path +
                                            "', 'rb').read()).hexdigest(), end='')\n");
    EXPECT_EQ(model.sha256, expected);
}

TEST(Fingerprint, CoversWeightsInOtherFiles) {
    const TemporaryFolder folder;
    ModelRequest request = test_request("conv_rf.onnx");
    const std::string original = request.path;
    request.path = folder.path() / "net.onnx";
    const std::string expected = run_python(
        "import hashlib, onnx, pathlib\n"
        "path = pathlib.Path('" +
        request.path +
        "')\n"
        "onnx.save(onnx.load('" +
        original +
        "'), path, save_as_external_data=True, all_tensors_to_one_file=False,\n"
        "          size_threshold=0)\n"
        "files = sorted(each for each in path.parent.iterdir() if each != path)\n"
        "assert len(files) == 8, files\n"
        "print(hashlib.sha256(b''.join(each.read_bytes() for each in [path, *files])).hexdigest(), end='')\n");
    EXPECT_EQ(describe_model(request).sha256, expected);
    const auto session = make_session(request, describe_model(request), {16, 16});
    EXPECT_EQ(session->output_descs().at(0).shape.back(), 16);

    std::filesystem::remove(folder.path() / "w0");
    const core::Error error = error_of([&] { (void)fingerprint(request.path); });
    EXPECT_EQ(error.code(), core::ErrorCode::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr((folder.path() / "w0").string()), HasSubstr("No such file")));
    EXPECT_EQ(refused(request).code(), core::ErrorCode::bad_input);
}

TEST(Fingerprint, BytesThatAreNoModelNameNoFiles) {
    for (const std::string& bytes :
         {std::string(), std::string(":"), std::string(":\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
          std::string(100, '\xff'), read_all(test_request("not_onnx.onnx").path)}) {
        EXPECT_TRUE(external_data(std::as_bytes(std::span(bytes))).empty());
    }
}

/// Each of these loads (or fails to load) the library into a process that has none yet.
class FreshProcess : public ::testing::Test {
  protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void load_and_report(const std::string& library) {
    try {
        const RuntimeInfo info = load_runtime(library);
        std::fprintf(stderr, "loaded %s from %s", info.version.c_str(), info.path.c_str());
        std::_Exit(0);
    } catch (const core::Error& error) {
        std::fprintf(stderr, "%s: %s", core::name(error.code()), error.what());
        std::_Exit(1);
    }
}

using RuntimeDeathTest = FreshProcess;

TEST_F(RuntimeDeathTest, AMissingLibrarySaysWhatToInstall) {
    EXPECT_EXIT(load_and_report("/nowhere/libonnxruntime.so"), ::testing::ExitedWithCode(1),
                AllOf(HasSubstr("failed: ONNX Runtime could not be loaded"), HasSubstr("/nowhere/libonnxruntime.so"),
                      HasSubstr("pip install onnxruntime"), HasSubstr("--ort-library")));
}

TEST_F(RuntimeDeathTest, AnotherLibraryIsNotTheRuntime) {
    EXPECT_EXIT(load_and_report("libm.so.6"), ::testing::ExitedWithCode(1),
                AllOf(HasSubstr("libm.so.6 is not ONNX Runtime"), HasSubstr("pip install onnxruntime")));
}

TEST_F(RuntimeDeathTest, TheLibraryThatWasFoundIsTold) {
    EXPECT_EXIT(load_and_report(MILLRACE_ONNXRUNTIME_LIBRARY), ::testing::ExitedWithCode(0),
                ContainsRegex("loaded ONNX Runtime 1\\.[0-9]+\\.[0-9]+ from /.*libonnxruntime"));
}

TEST(Runtime, AProcessHasOne) {
    const RuntimeInfo first = load_runtime(MILLRACE_ONNXRUNTIME_LIBRARY);
    EXPECT_EQ(load_runtime("").path, first.path);
    EXPECT_EQ(load_runtime(MILLRACE_ONNXRUNTIME_LIBRARY).version, first.version);
    EXPECT_THAT(error_of([] { (void)load_runtime("/elsewhere/libonnxruntime.so"); }).what(),
                AllOf(HasSubstr("already loaded from"), HasSubstr("/elsewhere/libonnxruntime.so")));
}

}  // namespace
}  // namespace millrace::infer
