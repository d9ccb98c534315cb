#include "engine/machine.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "support/temporary_folder.h"

namespace millrace::engine {
namespace {

constexpr int any_cores = std::numeric_limits<int>::max();
constexpr std::size_t any_memory = std::numeric_limits<std::size_t>::max();

// A made-up machine: what stands in /proc/self/cgroup, and files below /sys/fs/cgroup.
class Cgroups : public testing::Test {
  protected:
    void write(const std::string& name, const std::string& text) {
        const std::filesystem::path path = folder_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }

    void expect(const std::string& lines, int cores, std::size_t memory) {
        SCOPED_TRACE(lines);
        write("cgroup", lines);
        const CgroupLimits found = cgroup_limits(folder_ / "cgroup", folder_ / "fs");
        EXPECT_EQ(found.cores, cores);
        EXPECT_EQ(found.memory, memory);
    }

    test::TemporaryFolder folder_;
};

TEST_F(Cgroups, OfVersion2HaveAQuotaRoundedUpAndALimit) {
    write("fs/a/memory.max", "1073741824\n");
    for (const auto& [quota, cores] : {std::pair("200000 100000\n", 2), std::pair("200001 100000\n", 3),
                                       std::pair("1000 100000\n", 1), std::pair("75000 50000\n", 2)}) {
        SCOPED_TRACE(quota);
        write("fs/a/cpu.max", quota);
        expect("0::/a\n", cores, 1U << 30U);
    }
}

TEST_F(Cgroups, OfVersion2MayHaveNone) {
    write("fs/a/cpu.max", "max 100000\n");
    write("fs/a/memory.max", "max\n");
    expect("0::/a\n", any_cores, any_memory);
    expect("0::/\n", any_cores, any_memory);  // a machine's root has no such files
}

TEST_F(Cgroups, AreNoLargerThanTheirParents) {
    write("fs/slice/cpu.max", "300000 100000\n");
    write("fs/slice/memory.max", "5000\n");
    write("fs/slice/job/cpu.max", "800000 100000\n");
    write("fs/slice/job/memory.max", "7000\n");
    write("fs/slice/job/step/memory.max", "6000\n");
    expect("0::/slice/job/step\n", 3, 5000);
    expect("0::/slice/job\n", 3, 5000);
    write("fs/slice/job/step/memory.max", "4000\n");
    write("fs/slice/job/step/cpu.max", "100000 100000\n");
    expect("0::/slice/job/step\n", 1, 4000);
    expect("0::/slice/job\n", 3, 5000);  // what is below a cgroup is not its own
}

// As in a container with a namespace of its own.
TEST_F(Cgroups, MayBeTheMountsRoot) {
    write("fs/cpu.max", "400000 100000\n");
    write("fs/memory.max", "9000\n");
    expect("0::/\n", 4, 9000);
}

// As in a container that sees the machine's path, but its own cgroup only; and in one whose process was put elsewhere.
TEST_F(Cgroups, WhosePathIsNotThereAreTheMountsRoot) {
    write("fs/cpu.max", "400000 100000\n");
    write("fs/memory.max", "9000\n");
    write("fs/docker/memory.max", "1000\n");
    expect("0::/docker/0a1b\n", 4, 9000);
    write("outside/memory.max", "1000\n");
    expect("0::/../outside\n", 4, 9000);
    write("fs/..a/memory.max", "2000\n");
    expect("0::/..a\n", 4, 2000);
}

TEST_F(Cgroups, OfVersion1HaveAFolderForEachController) {
    write("fs/cpu/a/cpu.cfs_quota_us", "250000\n");
    write("fs/cpu/a/cpu.cfs_period_us", "100000\n");
    write("fs/memory/b/c/memory.limit_in_bytes", "9223372036854771712\n");  // what the kernel writes for none
    write("fs/memory/b/memory.limit_in_bytes", "8192\n");
    write("fs/cpuset/a/memory.limit_in_bytes", "1\n");
    expect("12:cpuset:/a\n4:memory:/b/c\n3:cpu:/a\n1:name=systemd:/a\n", 3, 8192);
    write("fs/cpu/a/cpu.cfs_quota_us", "-1\n");
    expect("3:cpu:/a\n4:memory:/not/there\n", any_cores, any_memory);
    write("fs/memory/memory.limit_in_bytes", "4096\n");
    expect("4:memory:/not/there\n", any_cores, 4096);
}

TEST_F(Cgroups, OfVersion1MayShareAFolder) {
    write("fs/cpu,cpuacct/a/cpu.cfs_quota_us", "100000\n");
    write("fs/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    expect("3:cpu,cpuacct:/a\n", 1, any_memory);
    std::filesystem::create_directory_symlink("cpu,cpuacct", folder_ / "fs/cpu");
    expect("3:cpuacct,cpu:/a\n", 1, any_memory);
}

TEST_F(Cgroups, OfBothVersionsCount) {
    write("fs/unified/a/cpu.max", "600000 100000\n");
    write("fs/cpu/b/cpu.cfs_quota_us", "500000\n");
    write("fs/cpu/b/cpu.cfs_period_us", "100000\n");
    write("fs/memory/b/memory.limit_in_bytes", "12345\n");
    expect("4:memory:/b\n1:cpu:/b\n0::/a\n", 5, 12345);
    write("fs/unified/a/cpu.max", "400000 100000\n");
    expect("4:memory:/b\n1:cpu:/b\n0::/a\n", 4, 12345);
}

TEST_F(Cgroups, OfNoMeaningAreNoLimit) {
    for (const char* text : {"", "\n", "lots", "-5", "0", "12x", "1.5", "99999999999999999999", "1 2 3", "\xff\xfe"}) {
        SCOPED_TRACE(text);
        for (const char* file :
             {"fs/cpu.max", "fs/memory.max", "fs/cpu/cpu.cfs_quota_us", "fs/memory/a/memory.limit_in_bytes"}) {
            write(file, text);
        }
        write("fs/cpu/cpu.cfs_period_us", "0\n");
        expect("4:memory:/a\n1:cpu:/\n0::/\n", any_cores, any_memory);
    }
    write("fs/cpu.max", "100000 0\n");
    std::filesystem::remove(folder_ / "fs/memory.max");
    std::filesystem::create_directories(folder_ / "fs/memory.max");
    expect("0::/\n", any_cores, any_memory);
}

TEST_F(Cgroups, ListedInNoKnownWayAreNoLimit) {
    write("fs/cpu.max", "100000 100000\n");
    write("fs/memory.max", "4096\n");
    for (const char* lines : {"", "\n", "::", "0:", "nonsense", "0::relative", "4:pids:/"}) {
        expect(lines, any_cores, any_memory);
    }
    expect("nonsense\n0::/", 1, 4096);
    EXPECT_EQ(cgroup_limits(folder_ / "none", folder_ / "fs").cores, any_cores);
    EXPECT_EQ(cgroup_limits(folder_ / "cgroup", folder_ / "none").cores, any_cores);
}

TEST(MachineCores, AreThoseThatTheThreadMayRunOn) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
    const int cores = machine_cores();
    EXPECT_GE(cores, 1);
    EXPECT_LE(cores, CPU_COUNT(&before));
    std::size_t first = 0;
    while (!CPU_ISSET(first, &before)) ++first;
    int confined = 0;
    std::thread([&] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
        confined = machine_cores();
    }).join();
    EXPECT_EQ(confined, 1);
    EXPECT_EQ(machine_cores(), cores);
}

TEST(MachineMemory, IsNoMoreThanTheMachineHas) {
    const auto pages = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES));
    EXPECT_LE(machine_memory(), pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
    EXPECT_GT(machine_memory(), std::size_t{64} << 20U);
}

}  // namespace
}  // namespace millrace::engine
