#include "engine/gil_waits.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace millrace::engine {

namespace {

constexpr double buckets_a_doubling = 4;

double bucket_end(std::size_t bucket) { return 1e-6 * std::exp2(static_cast<double>(bucket) / buckets_a_doubling); }

double percentile(const GilWaits& waits, std::int64_t samples, double share) {
    const auto wanted = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(samples)));
    std::int64_t passed = 0;
    std::size_t bucket = 0;
    while ((passed += waits.counts.at(bucket)) < wanted) ++bucket;
    return bucket_end(bucket);
}

}  // namespace

void GilWaits::add(std::chrono::nanoseconds wait, ScriptThread script) {
    const double microseconds = std::max(1.0, std::chrono::duration<double, std::micro>(wait).count());
    const auto bucket = static_cast<std::size_t>(std::ceil(buckets_a_doubling * std::log2(microseconds)));
    ++counts.at(std::min(bucket, counts.size() - 1));
    if (wait <= noticed_wait) return;
    ++noticed;
    if (script == ScriptThread::stood_behind_others) ++held_up;
}

void GilWaits::add(const GilWaits& others) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts.at(i) += others.counts.at(i);
    noticed += others.noticed;
    held_up += others.held_up;
}

GilReport GilWaits::report() const {
    const std::int64_t samples = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
    if (samples == 0) return {};
    const auto all = static_cast<double>(samples);
    return {samples, static_cast<double>(noticed) / all, static_cast<double>(held_up) / all,
            percentile(*this, samples, 0.5), percentile(*this, samples, 0.95)};
}

}  // namespace millrace::engine
