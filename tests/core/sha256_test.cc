#include "core/sha256.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <fstream>

#include "core/error.h"
#include "support/temporary_folder.h"

namespace millrace::core {
namespace {

// FIPS 180-4 examples, from NIST's "SHA256.pdf" and the SHAVS byte vectors.
TEST(Sha256, KnownVectors) {
    EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_of(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

RC_GTEST_PROP(Sha256, PiecesHashAsTheWhole, (const std::vector<std::string>& pieces)) {
    Sha256 hash;
    std::string whole;
    for (const std::string& piece : pieces) {
        hash.add(piece);
        whole += piece;
    }
    RC_ASSERT(hash.hex() == sha256_of(whole));
}

TEST(Sha256OfFile, IsThatOfItsBytes) {
    const millrace::test::TemporaryFolder folder;
    const std::string path = folder / "file.bin";
    // Longer than the chunk that is read at a time, and no multiple of it.
    const std::string text((std::size_t{1} << 20U) + 12345, 'x');
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(sha256_of_file(path), sha256_of(text));
}

TEST(Sha256OfFile, NamesAFileThatCannotBeRead) {
    // A folder opens, but cannot be read.
    for (const char* path : {"/nonexistent/model.onnx", "/tmp"}) {
        try {
            (void)sha256_of_file(path);
            FAIL() << path << " was hashed";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::bad_input);
            EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
        }
    }
}

}  // namespace
}  // namespace millrace::core
