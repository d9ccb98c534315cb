#include "engine/tune_why.h"

#include <fmt/format.h>

namespace millrace::engine {

std::string frames_text(std::int64_t frames) { return fmt::format("{} frame{}", frames, frames == 1 ? "" : "s"); }

std::string why_not(const WholeComparison& compared) {
    const std::string found = to_text(compared.found);
    const std::string initial = to_text(compared.initial);
    switch (veto_of(compared.slower, compared.frames, compared.found, compared.initial)) {
        case Veto::none:
            return "";
        case Veto::slower:
            return fmt::format("{} is slower beside decoder and encoder than {}, which stays", found, initial);
        case Veto::untold:
            return fmt::format(
                "{} was {:.1f} % slower beside decoder and encoder than {}, which costs less and stays: "
                "runs of {} cannot tell less than {:.1f} %",
                found, 100 * compared.slower, initial, frames_text(compared.frames), 100 * told_by(compared.frames));
    }
    return "";
}

LanesChoice choose_lanes(std::span<const double> rates, std::span<const int> lanes, std::int64_t frames) {
    const double told = told_by(frames);
    const int chosen = lanes[first_near_best(rates, told)];
    if (chosen > 0) return {chosen, fmt::format("{} is faster than growing them as needed", chosen)};
    if (first_near_best(rates) == 0) return {0, "no fixed number is faster than growing them as needed"};
    return {0, fmt::format("they grow as needed: no fixed number gained the {:.1f} % that runs of {} can tell",
                           100 * told, frames_text(frames))};
}

}  // namespace millrace::engine
