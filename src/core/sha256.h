#pragma once
// SHA-256 (FIPS 180-4), by OpenSSL's libcrypto.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace millrace::core {

/// Hash of bytes that come in pieces. Not thread-safe.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void add(std::span<const std::byte> bytes);
    void add(std::string_view text);
    /// 64 lower-case hexadecimal digits. Nothing may be added afterwards.
    [[nodiscard]] std::string hex();

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

/// Hash of a whole file. Throws Error(bad_input) naming the file when it cannot be read.
[[nodiscard]] std::string sha256_of_file(const std::string& path);

/// Hash of a text.
[[nodiscard]] std::string sha256_of(std::string_view text);

}  // namespace millrace::core
