#include "infer/external_data.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>

#include "core/error.h"
#include "core/sha256.h"

namespace millrace::infer {
namespace {

using Bytes = std::span<const std::byte>;

/// Messages on the way from ModelProto to StringStringEntryProto.
enum class Message { model, graph, node, attribute, tensor, sparse_tensor, function, entry };

/// Field `number` of `parent` holds a `child`.
struct Field {
    Message parent;
    std::uint64_t number;
    Message child;
};

// onnx.proto
constexpr std::array<Field, 17> fields{{
    {Message::model, 7, Message::graph},
    {Message::model, 25, Message::function},
    {Message::graph, 1, Message::node},
    {Message::graph, 5, Message::tensor},
    {Message::graph, 15, Message::sparse_tensor},
    {Message::function, 7, Message::node},
    {Message::function, 11, Message::attribute},
    {Message::node, 5, Message::attribute},
    {Message::attribute, 5, Message::tensor},
    {Message::attribute, 6, Message::graph},
    {Message::attribute, 10, Message::tensor},
    {Message::attribute, 11, Message::graph},
    {Message::attribute, 22, Message::sparse_tensor},
    {Message::attribute, 23, Message::sparse_tensor},
    {Message::sparse_tensor, 1, Message::tensor},
    {Message::sparse_tensor, 2, Message::tensor},
    {Message::tensor, 13, Message::entry},
}};

/// One field of a message: number, and its bytes where it is length-delimited.
struct Read {
    std::uint64_t number = 0;
    Bytes bytes;
};

/// Reads fields of one message from the front. Wire format: tag = number << 3 | type; types 0 varint, 1 eight bytes,
/// 2 length and bytes, 5 four bytes.
class Reader {
  public:
    explicit Reader(Bytes bytes) : rest_(bytes) {}

    /// nullopt: at the end, or the bytes are no message.
    std::optional<Read> next() {
        const auto tag = varint();
        if (!tag) return std::nullopt;
        Read field{*tag >> 3U, {}};
        std::optional<std::uint64_t> length;
        switch (*tag & 7U) {
            case 0:
                if (!varint()) return std::nullopt;
                return field;
            case 1:
                length = 8;
                break;
            case 2:
                length = varint();
                break;
            case 5:
                length = 4;
                break;
            default:
                return std::nullopt;
        }
        if (!length || *length > rest_.size()) return std::nullopt;
        field.bytes = rest_.first(static_cast<std::size_t>(*length));
        rest_ = rest_.subspan(field.bytes.size());
        return field;
    }

  private:
    std::optional<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
            const auto byte = std::to_integer<std::uint64_t>(rest_.front());
            rest_ = rest_.subspan(1);
            value |= (byte & 0x7FU) << shift;
            if ((byte & 0x80U) == 0) return value;
        }
        return std::nullopt;
    }

    Bytes rest_;
};

std::string text_of(Bytes bytes) {
    std::string text(bytes.size(), '\0');
    if (!bytes.empty()) std::memcpy(text.data(), bytes.data(), bytes.size());
    return text;
}

/// StringStringEntryProto: key 1, value 2.
void read_entry(Bytes bytes, std::set<std::string>& locations) {
    std::string key;
    std::string value;
    Reader reader(bytes);
    while (const auto field = reader.next()) {
        if (field->number == 1) key = text_of(field->bytes);
        if (field->number == 2) value = text_of(field->bytes);
    }
    if (key == "location") locations.insert(value);
}

void search(Message message, Bytes bytes, int depth, std::set<std::string>& locations) {
    constexpr int deepest = 64;  // a subgraph costs three
    if (depth > deepest) return;
    if (message == Message::entry) return read_entry(bytes, locations);
    Reader reader(bytes);
    while (const auto read = reader.next()) {
        for (const Field& field : fields) {
            if (field.parent != message || field.number != read->number) continue;
            search(field.child, read->bytes, depth + 1, locations);
        }
    }
}

/// A whole file, read only, for as long as this lives.
class MappedFile {
  public:
    explicit MappedFile(const std::string& path) {
        const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);  // NOLINT(cppcoreguidelines-pro-type-vararg): POSIX
        struct stat status{};
        const bool known = file >= 0 && fstat(file, &status) == 0;
        if (known) size_ = static_cast<std::size_t>(status.st_size);
        if (known && size_ > 0) data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
        const int error = errno;
        if (file >= 0) close(file);
        if (known && data_ != MAP_FAILED) return;
        throw core::Error(core::ErrorCode::bad_input,
                          fmt::format("model file {} cannot be read: {}", path, std::strerror(error)));
    }
    ~MappedFile() {
        if (data_ != nullptr) munmap(data_, size_);
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    [[nodiscard]] Bytes bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

  private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace

std::set<std::string> external_data(std::span<const std::byte> model) {
    std::set<std::string> locations;
    search(Message::model, model, 0, locations);
    return locations;
}

std::string fingerprint(const std::string& path) {
    const MappedFile model(path);
    core::Sha256 hash;
    hash.add(model.bytes());
    for (const std::string& location : external_data(model.bytes())) {
        hash.add(MappedFile(std::filesystem::path(path).replace_filename(location)).bytes());
    }
    return hash.hex();
}

}  // namespace millrace::infer
