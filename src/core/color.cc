#include "core/color.h"

#include <array>
#include <cassert>
#include <span>
#include <tuple>
#include <utility>

namespace millrace::core {

namespace {

template <class T>
std::pair<T, ColorOrigin> fill(T declared, T missing, T rule) {
    if (declared != missing) return {declared, ColorOrigin::stream};
    return {rule, ColorOrigin::rule};
}

struct NamedCode {
    std::uint8_t code;
    const char* name;
};

// H.273 table 2, by FFmpeg's names.
constexpr std::array primaries_names{
    NamedCode{1, "bt709"},     NamedCode{2, "unspecified"}, NamedCode{4, "bt470m"},    NamedCode{5, "bt470bg"},
    NamedCode{6, "smpte170m"}, NamedCode{7, "smpte240m"},   NamedCode{8, "film"},      NamedCode{9, "bt2020"},
    NamedCode{10, "smpte428"}, NamedCode{11, "smpte431"},   NamedCode{12, "smpte432"}, NamedCode{22, "ebu3213"},
};

// H.273 table 3, by FFmpeg's names.
constexpr std::array transfer_names{
    NamedCode{1, "bt709"},         NamedCode{2, "unspecified"},   NamedCode{4, "bt470m"},
    NamedCode{5, "bt470bg"},       NamedCode{6, "smpte170m"},     NamedCode{7, "smpte240m"},
    NamedCode{8, "linear"},        NamedCode{9, "log100"},        NamedCode{10, "log316"},
    NamedCode{11, "iec61966-2-4"}, NamedCode{12, "bt1361e"},      NamedCode{13, "iec61966-2-1"},
    NamedCode{14, "bt2020-10"},    NamedCode{15, "bt2020-12"},    NamedCode{16, "smpte2084"},
    NamedCode{17, "smpte428"},     NamedCode{18, "arib-std-b67"},
};

std::string lookup(std::span<const NamedCode> names, std::uint8_t code) {
    for (const NamedCode& entry : names) {
        if (entry.code == code) return entry.name;
    }
    return std::to_string(code);
}

}  // namespace

ResolvedColor resolve_color(const ColorDescription& declared, const ColorContext& context) {
    ResolvedColor out;
    const Matrix by_size = context.height >= 720 ? Matrix::bt709 : Matrix::smpte170m;
    const Matrix matrix_rule = context.rgb ? Matrix::identity : by_size;
    const Range range_rule = context.rgb || context.full_range ? Range::full : Range::limited;
    const ChromaSiting siting_rule = context.centered_chroma ? ChromaSiting::center : ChromaSiting::left;
    std::tie(out.value.matrix, out.matrix_from) = fill(declared.matrix, Matrix::unspecified, matrix_rule);
    std::tie(out.value.range, out.range_from) = fill(declared.range, Range::unspecified, range_rule);
    std::tie(out.value.siting, out.siting_from) = fill(declared.siting, ChromaSiting::unspecified, siting_rule);
    constexpr std::uint8_t unspecified = 2;
    std::tie(out.value.primaries, out.primaries_from) = fill(declared.primaries, unspecified, unspecified);
    std::tie(out.value.transfer, out.transfer_from) = fill(declared.transfer, unspecified, unspecified);
    return out;
}

bool is_convertible(Matrix matrix) {
    switch (matrix) {
        case Matrix::identity:
        case Matrix::bt709:
        case Matrix::fcc:
        case Matrix::bt470bg:
        case Matrix::smpte170m:
        case Matrix::smpte240m:
        case Matrix::bt2020_ncl:
            return true;
        case Matrix::unspecified:
        case Matrix::ycgco:
        case Matrix::bt2020_cl:
        case Matrix::ictcp:
            break;
    }
    return false;
}

LumaWeights luma_weights(Matrix matrix) {
    switch (matrix) {
        case Matrix::fcc:
            return {0.30, 0.11};
        case Matrix::bt470bg:
        case Matrix::smpte170m:
            return {0.299, 0.114};
        case Matrix::smpte240m:
            return {0.212, 0.087};
        case Matrix::bt2020_ncl:
            return {0.2627, 0.0593};
        default:
            assert(matrix == Matrix::bt709);
            return {0.2126, 0.0722};
    }
}

const char* name(Matrix matrix) {
    switch (matrix) {
        case Matrix::identity:
            return "identity";
        case Matrix::bt709:
            return "bt709";
        case Matrix::unspecified:
            return "unspecified";
        case Matrix::fcc:
            return "fcc";
        case Matrix::bt470bg:
            return "bt470bg";
        case Matrix::smpte170m:
            return "smpte170m";
        case Matrix::smpte240m:
            return "smpte240m";
        case Matrix::ycgco:
            return "ycgco";
        case Matrix::bt2020_ncl:
            return "bt2020nc";
        case Matrix::bt2020_cl:
            return "bt2020c";
        case Matrix::ictcp:
            return "ictcp";
    }
    return "unknown";
}

const char* name(Range range) {
    switch (range) {
        case Range::unspecified:
            return "unspecified";
        case Range::limited:
            return "limited";
        case Range::full:
            return "full";
    }
    return "unknown";
}

const char* name(ChromaSiting siting) {
    switch (siting) {
        case ChromaSiting::unspecified:
            return "unspecified";
        case ChromaSiting::left:
            return "left";
        case ChromaSiting::center:
            return "center";
        case ChromaSiting::top_left:
            return "topleft";
        case ChromaSiting::top:
            return "top";
        case ChromaSiting::bottom_left:
            return "bottomleft";
        case ChromaSiting::bottom:
            return "bottom";
    }
    return "unknown";
}

const char* name(ColorOrigin origin) {
    switch (origin) {
        case ColorOrigin::stream:
            return "stream";
        case ColorOrigin::rule:
            return "rule";
        case ColorOrigin::user:
            return "user";
    }
    return "unknown";
}

std::string primaries_name(std::uint8_t primaries) { return lookup(primaries_names, primaries); }

std::string transfer_name(std::uint8_t transfer) { return lookup(transfer_names, transfer); }

}  // namespace millrace::core
