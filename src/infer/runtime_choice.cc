#include "infer/runtime_choice.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <span>

#include "core/error.h"

namespace millrace::infer {
namespace {

/// Names of an enum's values, in their order.
using Names = std::span<const std::string_view>;
constexpr std::array<std::string_view, 4> providers{"cpu", "cuda", "tensorrt", "fused"};
constexpr std::array<std::string_view, 2> layouts{"nchw", "nhwc"};
constexpr std::array<std::string_view, 2> launches{"kernels", "graph"};
constexpr std::array<std::string_view, 2> maths{"full", "tf32"};
constexpr std::array<std::string_view, 2> searches{"heuristic", "exhaustive"};
constexpr std::string_view fp16 = "fp16";  ///< a last word, which other weights do without

template <class T>
std::string_view name(Names names, T value) {
    return names[static_cast<std::size_t>(value)];
}

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text), rest_(text) {}

    std::string_view word() {
        const std::size_t end = std::min(rest_.find('/'), rest_.size());
        const std::string_view found = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        return found;
    }

    template <class T>
    T value(Names names) {
        const std::string_view found = word();
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (names[i] == found) return static_cast<T>(i);
        }
        fail();
    }

    [[noreturn]] void fail() const {
        throw core::Error(core::ErrorCode::bad_input,
                          fmt::format("'{}' is no way to run a model; expected cpu, tensorrt, fused, or "
                                      "cuda/LAYOUT/LAUNCH/MATH/SEARCH as in cuda/{}/{}/{}/{}",
                                      text_, layouts[1], launches[0], maths[0], searches[0]));
    }

  private:
    std::string_view text_;
    std::string_view rest_;
};

}  // namespace

std::string_view name(Provider provider) { return name(providers, provider); }

std::string to_string(const RuntimeChoice& choice) {
    std::string text(name(choice.provider));
    if (choice.provider == Provider::cpu || choice.provider == Provider::fused) return text;
    if (choice.provider == Provider::cuda) {
        text = fmt::format("{}/{}/{}/{}/{}", text, name(layouts, choice.layout), name(launches, choice.launch),
                           name(maths, choice.math), name(searches, choice.search));
    }
    return choice.weights == Weights::fp16 ? fmt::format("{}/{}", text, fp16) : text;
}

RuntimeChoice parse_runtime_choice(std::string_view text) {
    Parser parser(text);
    RuntimeChoice choice;
    choice.provider = parser.value<Provider>(providers);
    if (choice.provider == Provider::cuda) {
        choice.layout = parser.value<ConvLayout>(layouts);
        choice.launch = parser.value<Launch>(launches);
        choice.math = parser.value<FloatMath>(maths);
        choice.search = parser.value<ConvSearch>(searches);
    }
    if (parser.word() == fp16) choice.weights = Weights::fp16;
    if (to_string(choice) != text) parser.fail();
    return choice;
}

}  // namespace millrace::infer
