// SPDX-License-Identifier: Apache-2.0
// Layers merged as an overlay would show them, and what the tar of them says.
#include "unpack/export.hpp"

#include <archive_entry.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <map>
#include <vector>

#include "support.hpp"
#include "unpack/archive_handle.hpp"

namespace sandbox::unpack {
namespace {

using test::TemporaryDirectory;

/// Names and contents in the archive's order; a hard link's content is "-> TARGET".
using Listing = std::vector<std::pair<std::string, std::string>>;

Listing list(int fd) {
    EXPECT_EQ(::lseek(fd, 0, SEEK_SET), 0);
    FileSource source{fd, [](std::uint64_t) {}};
    ArchiveInput input{source};
    const ArchiveReader reader = make_reader();
    EXPECT_EQ(::archive_read_support_format_tar(reader.get()), ARCHIVE_OK);
    EXPECT_EQ(input.open(reader.get()), ARCHIVE_OK);
    Listing found;
    archive_entry* entry = nullptr;
    while (::archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
        std::string content(static_cast<std::size_t>(::archive_entry_size(entry)), '\0');
        if (const char* const link = ::archive_entry_hardlink(entry)) {
            content = std::string{"-> "} + link;
        } else if (!content.empty()) {
            EXPECT_EQ(::archive_read_data(reader.get(), content.data(), content.size()),
                      static_cast<la_ssize_t>(content.size()));
        }
        found.emplace_back(::archive_entry_pathname(entry), content);
    }
    return found;
}

Listing exported(const std::vector<const TemporaryDirectory*>& layers) {
    std::vector<int> fds;
    for (const TemporaryDirectory* layer : layers) {
        fds.push_back(layer->fd());
    }
    const UniqueFd tar{::memfd_create("tar", MFD_CLOEXEC)};
    const ExportSummary summary = export_layers(fds, tar.get());
    Listing found = list(tar.get());
    EXPECT_EQ(found.size(), summary.entries);
    return found;
}

void make_whiteout(const TemporaryDirectory& layer, const std::string& name) {
    // Anybody may, since Linux 5.8.
    check(::mknodat(layer.fd(), name.c_str(), S_IFCHR | 0600, ::makedev(0, 0)), "make", name);
}

bool set_attribute(const TemporaryDirectory& layer, const std::string& name, const char* attribute) {
    return ::setxattr((layer.path() + "/" + name).c_str(), attribute, "y", 1, 0) == 0;
}

TEST(ExportLayers, NamesAreSortedByTheirBytesAndDirectoriesComeBeforeTheirContent) {
    const TemporaryDirectory layer;
    layer.make_directory("b");
    layer.make_file("b/z", "1");
    layer.make_file("b/A", "2");
    layer.make_file("b.", "3");
    layer.make_file("\xff", "4");
    EXPECT_EQ(exported({&layer}),
              (Listing{{"./", ""}, {"b/", ""}, {"b/A", "2"}, {"b/z", "1"}, {"b.", "3"}, {"\xff", "4"}}));
}

TEST(ExportLayers, TheUpperOneWinsAndDirectoriesAreMerged) {
    const TemporaryDirectory upper;
    const TemporaryDirectory lower;
    for (const TemporaryDirectory* layer : {&upper, &lower}) {
        layer->make_directory("both");
        layer->make_file("both/same", layer == &upper ? "upper" : "lower");
    }
    upper.make_file("both/new", "upper");
    lower.make_file("both/old", "lower");
    upper.make_file("file", "now a file");
    lower.make_directory("file");
    lower.make_file("file/below", "hidden");
    upper.make_directory("directory");
    lower.make_file("directory", "hidden");
    EXPECT_EQ(exported({&upper, &lower}), (Listing{{"./", ""},
                                                   {"both/", ""},
                                                   {"both/new", "upper"},
                                                   {"both/old", "lower"},
                                                   {"both/same", "upper"},
                                                   {"directory/", ""},
                                                   {"file", "now a file"}}));
}

TEST(ExportLayers, AWhiteoutHidesWhatLiesLowerAndIsNotSeenItself) {
    const TemporaryDirectory top;
    const TemporaryDirectory middle;
    const TemporaryDirectory lower;
    lower.make_file("gone", "x");
    lower.make_directory("tree");
    lower.make_file("tree/gone", "x");
    make_whiteout(middle, "gone");
    make_whiteout(middle, "tree");
    make_whiteout(middle, "never-there");
    top.make_directory("tree");
    top.make_file("tree/new", "top");
    EXPECT_EQ(exported({&top, &middle, &lower}), (Listing{{"./", ""}, {"tree/", ""}, {"tree/new", "top"}}));
}

TEST(ExportLayers, AWhiteoutByAttributeHidesAsWell) {
    const TemporaryDirectory upper;
    const TemporaryDirectory lower;
    lower.make_file("gone", "x");
    upper.make_file("gone", "");
    if (!set_attribute(upper, "gone", "user.overlay.whiteout")) {
        GTEST_SKIP() << "this filesystem has no user.* attributes";
    }
    EXPECT_EQ(exported({&upper, &lower}), (Listing{{"./", ""}}));
}

TEST(ExportLayers, AnOpaqueDirectoryHidesWhatLiesLower) {
    const TemporaryDirectory upper;
    const TemporaryDirectory lower;
    for (const TemporaryDirectory* layer : {&upper, &lower}) {
        layer->make_directory("d");
    }
    lower.make_file("d/gone", "x");
    upper.make_file("d/new", "y");
    if (!set_attribute(upper, "d", "user.overlay.opaque")) {
        GTEST_SKIP() << "this filesystem has no user.* attributes";
    }
    EXPECT_EQ(exported({&upper, &lower}), (Listing{{"./", ""}, {"d/", ""}, {"d/new", "y"}}));
}

TEST(ExportLayers, HardLinksWithinALayerStayLinks) {
    const TemporaryDirectory layer;
    layer.make_file("b", "content");
    ASSERT_EQ(::linkat(layer.fd(), "b", layer.fd(), "a", 0), 0);
    EXPECT_EQ(exported({&layer}), (Listing{{"./", ""}, {"a", "content"}, {"b", "-> a"}}));
}

TEST(ExportLayers, TheSameLayersGiveTheSameDigest) {
    const TemporaryDirectory layer;
    layer.make_file("b", std::string(1'000'000, 'x'));
    const int fd = layer.fd();
    std::map<std::string, int> digests;
    for (int i = 0; i < 2; ++i) {
        const UniqueFd tar{::memfd_create("tar", MFD_CLOEXEC)};
        const ExportSummary summary = export_layers({&fd, 1}, tar.get());
        ++digests[summary.digest];
        EXPECT_EQ(summary.bytes % 10240, 0U);
    }
    EXPECT_EQ(digests.size(), 1U);
}

} // namespace
} // namespace sandbox::unpack
