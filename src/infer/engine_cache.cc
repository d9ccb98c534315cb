#include "infer/engine_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/sha256.h"

namespace millrace::infer {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ErrorCode;
using nlohmann::json;

constexpr const char* manifest_name = "manifest.json";
constexpr std::chrono::milliseconds poll{100};

Error failure(const fs::path& path, const char* doing, int error) {
    return Error(ErrorCode::failed, fmt::format("{}: cannot {}: {}; give another folder, or make room", path.string(),
                                                doing, std::generic_category().message(error)));
}

constexpr std::size_t folder_digits = 32;
constexpr std::size_t engine_digits = 16;

std::string digest_of(const json& value, std::size_t digits) { return core::sha256_of(value.dump()).substr(0, digits); }

fs::path folder_of(const fs::path& cache, const EngineKey& key) { return cache / digest_of(key, folder_digits); }

/// null where there is none, or no whole one, or one of another key.
json read_manifest(const fs::path& folder, const EngineKey& key) {
    std::ifstream file(folder / manifest_name, std::ios::binary);
    json manifest = json::parse(std::string{std::istreambuf_iterator<char>(file), {}}, nullptr, false);
    if (!manifest.is_object() || manifest.value("key", json()) != json(key)) return nullptr;
    if (!manifest.contains("refused") || !manifest["refused"].is_string()) return nullptr;
    if (!manifest.contains("files") || !manifest["files"].is_object()) return nullptr;
    return manifest;
}

bool is_timing(const std::string& name) { return *fs::path(name).begin() == timings; }

enum class Files : std::uint8_t { all, own };

/// Name to hash of an engine's files; own: without times, which others may be writing.
json files_of(const fs::path& folder, Files which) {
    json files = json::object();
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().lexically_relative(folder).string();
        if (!entry.is_regular_file() || name == manifest_name) continue;
        if (which == Files::own && is_timing(name)) continue;
        files[name] = core::sha256_of_file(entry.path());
    }
    return files;
}

/// The engine's own: its times may change, or go, without another result.
json without_timings(const json& files) {
    json own = json::object();
    for (const auto& [name, hash] : files.items()) {
        if (!is_timing(name)) own[name] = hash;
    }
    return own;
}

/// To the disk before its name is: after a power cut a file may be there and empty.
void sync(const fs::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);  // NOLINT(cppcoreguidelines-pro-type-vararg): POSIX
    const bool synced = file >= 0 && ::fsync(file) == 0;
    const int error = errno;
    if (file >= 0) ::close(file);
    if (!synced) throw failure(path, "write", error);
}

void write_manifest(const fs::path& folder, const EngineKey& key, const std::string& reason) {
    const json files = files_of(folder, Files::all);
    for (const auto& [name, hash] : files.items()) sync(folder / name);
    const fs::path path = folder / manifest_name;
    std::ofstream(path, std::ios::binary) << json{{"key", key}, {"files", files}, {"refused", reason}}.dump(1);
    sync(path);
    sync(folder);
}

/// Engines of one folder are built by whoever holds its lock; it goes with the process, however that ends.
class FolderLock {
  public:
    explicit FolderLock(const fs::path& path)
        : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {  // NOLINT(*-vararg): POSIX
        if (file_ < 0) throw failure(path, "open", errno);
    }
    ~FolderLock() { ::close(file_); }
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;
    FolderLock(FolderLock&&) = delete;
    FolderLock& operator=(FolderLock&&) = delete;
    [[nodiscard]] bool try_lock() const { return ::flock(file_, LOCK_EX | LOCK_NB) == 0; }

  private:
    int file_;
};

/// Of a damaged engine the times, as far as they are what they were.
void keep_timings(const fs::path& damaged, const EngineKey& key, const fs::path& building) {
    const json manifest = read_manifest(damaged, key);
    if (manifest.is_null()) return;
    for (const auto& [name, hash] : manifest["files"].items()) {
        const fs::path file = name;
        std::error_code gone;
        if (!is_timing(name) || !fs::is_regular_file(damaged / file, gone)) continue;
        if (json(core::sha256_of_file(damaged / file)) != hash) continue;
        fs::create_directories((building / file).parent_path());
        fs::copy_file(damaged / file, building / file);
    }
}

bool wait_for(const FolderLock& lock, WhileBusy busy, const std::stop_token& stop) {
    if (lock.try_lock()) return true;
    if (busy == WhileBusy::give_up) return false;
    core::log::info("another process builds an engine: waiting for it");
    while (!lock.try_lock()) {
        if (stop.stop_requested()) {
            throw Error(ErrorCode::interrupted, "interrupted while another process builds an engine");
        }
        std::this_thread::sleep_for(poll);
    }
    return true;
}

}  // namespace

Engine EngineCache::find(const EngineKey& key) const {
    const fs::path folder = folder_of(folder_, key);
    const json manifest = read_manifest(folder, key);
    if (manifest.is_null()) return {};
    const auto reason = manifest["refused"].get<std::string>();
    if (!reason.empty()) return {EngineStatus::refused, {}, {}, reason};
    try {
        const json files = without_timings(manifest["files"]);
        if (files != files_of(folder, Files::own)) return {};
        return {EngineStatus::ready, folder, digest_of(files, engine_digits), {}};
    } catch (const std::runtime_error& gone) {  // a file is: another process replaces what is damaged
        core::log::debug("{}: {}", folder.string(), gone.what());
    }
    return {};
}

Engine EngineCache::build(const EngineKey& key, EngineBuilder& builder, WhileBusy busy, const std::stop_token& stop) {
    if (Engine there = find(key); there.status != EngineStatus::missing) return there;
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) throw failure(folder_, "make the folder for engines", error.value());
    const FolderLock lock(folder_ / "lock");
    if (!wait_for(lock, busy, stop)) return {EngineStatus::busy, {}, {}, {}};
    // Whoever held the lock may have built it.
    if (Engine there = find(key); there.status != EngineStatus::missing) return there;

    const fs::path place = folder_of(folder_, key);
    fs::path building = place;
    building += ".building";
    try {
        fs::remove_all(building);  // of a process that died
        fs::create_directory(building);
        keep_timings(place, key, building);
        fs::remove_all(place);  // damaged
        builder.build(building);
        const std::string reason = builder.check(building);
        if (!reason.empty()) {
            fs::remove_all(building);
            fs::create_directory(building);
        }
        write_manifest(building, key, reason);
        fs::rename(building, place);
        sync(folder_);
    } catch (const fs::filesystem_error& problem) {
        throw failure(place, "keep an engine", problem.code().value());
    } catch (...) {
        fs::remove_all(building, error);
        throw;
    }
    return find(key);
}

}  // namespace millrace::infer
