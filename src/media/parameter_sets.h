#pragma once
// Whether a decoder that begins at a packet knows the parameter sets that the pictures behind it use.

#include <cstddef>
#include <span>
#include <vector>

namespace millrace::media {

/// Sequence and picture parameter sets of one H.264 or HEVC stream. A decoder opened for it has those of the container
/// (extradata); later ones in the packets may differ, and a packet that carries none then leaves a decoder with the
/// wrong ones.
class ParameterSets {
  public:
    /// One from the container.
    void add_known(std::span<const std::byte> nal) { known_.emplace_back(nal.begin(), nal.end()); }
    /// One from a packet.
    void add_carried(std::span<const std::byte> nal);

    /// True: a decoder with the container's sets alone still has what it needs.
    [[nodiscard]] bool container_suffices() const { return !known_.empty() && !changed_; }

  private:
    std::vector<std::vector<std::byte>> known_;
    bool changed_ = false;
};

/// The NAL units in avcC or hvcC extradata (ISO/IEC 14496-15 sections 5.3.3.1 and 8.3.3.1) or in Annex B extradata.
[[nodiscard]] std::vector<std::vector<std::byte>> extradata_nals_h264(std::span<const std::byte> extradata);
[[nodiscard]] std::vector<std::vector<std::byte>> extradata_nals_hevc(std::span<const std::byte> extradata);

}  // namespace millrace::media
