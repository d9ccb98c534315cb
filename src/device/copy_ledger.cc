#include "device/copy_ledger.h"

#include <algorithm>
#include <utility>

namespace millrace::device {

namespace {

/// More than the records that CUPTI holds back; a call may have several, so that none says that it was the last.
constexpr std::size_t most_calls = std::size_t{1} << 18U;

bool is_of(const CopyRecord& record, const std::vector<std::uint32_t>& ascending) {
    return std::ranges::binary_search(ascending, record.call) ||
           std::ranges::binary_search(ascending, record.runtime_call);
}

}  // namespace

CopyLedger::CopyLedger(std::function<bool()> ask) : ask_(std::move(ask)) {}

void CopyLedger::called(std::uint32_t call) {
    if (std::this_thread::get_id() != thread_ || OwnCopies::any()) return;
    {
        const std::lock_guard lock(mutex_);
        unnamed_.push_back(call);
        if (asking_) return;
        asking_ = true;
    }
    if (ask_()) return;
    const std::lock_guard lock(mutex_);
    asking_ = false;
}

void CopyLedger::named(const std::string& line) {
    const std::lock_guard lock(mutex_);
    asking_ = false;
    const std::vector<std::uint32_t> calls = std::exchange(unnamed_, {});
    const std::vector<CopyRecord> early = std::exchange(early_, {});
    if (line.empty()) return;
    const std::string* text = &sums_.try_emplace(line).first->first;
    for (const std::uint32_t call : calls) lines_[call] = text;
    for (const CopyRecord& record : early) add(record, line);
    forget_old();
}

void CopyLedger::done(const CopyRecord& record) {
    const std::lock_guard lock(mutex_);
    const std::string* line = line_of(record.call);
    if (line == nullptr) line = line_of(record.runtime_call);
    if (line != nullptr) {
        add(record, *line);
    } else if (is_of(record, unnamed_)) {
        early_.push_back(record);
    }
}

const std::string* CopyLedger::line_of(std::uint32_t call) const {
    const auto found = lines_.find(call);
    return found == lines_.end() ? nullptr : found->second;
}

void CopyLedger::add(const CopyRecord& record, const std::string& line) {
    Sums& sums = sums_[line][record.direction];
    ++sums.count;
    sums.bytes += record.bytes;
    sums.time += record.end - record.begin;
}

// Numbers of calls grow.
void CopyLedger::forget_old() {
    while (lines_.size() > most_calls) lines_.erase(lines_.begin());
}

std::vector<LineCopies> CopyLedger::report() const {
    const std::lock_guard lock(mutex_);
    std::vector<LineCopies> all;
    for (const auto& [line, directions] : sums_) {
        for (const auto& [direction, sums] : directions) {
            all.push_back({line, direction, sums.count, sums.bytes, static_cast<double>(sums.time) * 1e-9});
        }
    }
    std::ranges::stable_sort(all, std::ranges::greater(), &LineCopies::bytes);
    return all;
}

}  // namespace millrace::device
