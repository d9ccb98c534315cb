#include "core/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.h"

namespace millrace::core {

namespace {

struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

void check(int result) {
    if (result != 1) throw Error(ErrorCode::failed, "SHA-256: libcrypto failed");
}

}  // namespace

struct Sha256::Context {
    std::unique_ptr<EVP_MD_CTX, FreeDigest> digest{EVP_MD_CTX_new()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
    check(EVP_DigestInit_ex(context_->digest.get(), EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(std::span<const std::byte> bytes) {
    check(EVP_DigestUpdate(context_->digest.get(), bytes.data(), bytes.size()));
}

void Sha256::add(std::string_view text) { add(std::as_bytes(std::span(text))); }

std::string Sha256::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    check(EVP_DigestFinal_ex(context_->digest.get(), digest.data(), &size));
    std::string text;
    for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest.at(i));
    return text;
}

std::string sha256_of_file(const std::string& path) {
    const auto check_readable = [&path](bool readable) {
        if (!readable) {
            throw Error(ErrorCode::bad_input, fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
        }
    };
    std::ifstream file(path, std::ios::binary);
    check_readable(file.is_open());
    Sha256 hash;
    constexpr std::size_t chunk = std::size_t{1} << 20U;
    std::vector<char> buffer(chunk);
    while (file.read(buffer.data(), static_cast<std::streamsize>(chunk)) || file.gcount() > 0) {
        hash.add(std::string_view(buffer.data(), static_cast<std::size_t>(file.gcount())));
    }
    check_readable(!file.bad());  // a folder opens, and fails here
    return hash.hex();
}

std::string sha256_of(std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return hash.hex();
}

}  // namespace millrace::core
