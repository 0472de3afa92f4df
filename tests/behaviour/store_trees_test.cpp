// SPDX-License-Identifier: Apache-2.0
// Trees by kind of id map: each shows the image's own owners, whichever was made first.
#include "harness.hpp"
#include "image_archive.hpp"

namespace sandbox::test {
namespace {

class StoredTrees : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        const ImageParts parts{{base_layer({{"f", "x", '0', "", 04755, 7, 8},
                                            {"d/", "", '5', "", 01770, 9, 10},
                                            {"d/linked", "y", '0', "", 0600, 1000, 1001},
                                            {"second", "", '1', "d/linked"},
                                            {"l", "", '2', "f", 0777, 11, 12}}),
                                make_archive({{"d/", "", '5', "", 01770, 9, 10}, {"d/.wh.none", ""}})}};
        write_text(scratch() / "i.tar", tar_of(oci_layout(parts)));
    }
    void import(const Arguments& options) {
        Arguments arguments{"import"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {scratch() / "i.tar", "i"});
        const Result result = sandbox(arguments);
        ASSERT_EQ(result.status, 0) << result.err;
        std::filesystem::remove(scratch() / "i.tar"); // what follows is made from the store alone
    }
    std::string owners(const std::string& kind, const Arguments& options = {}) {
        Arguments arguments{"run", "--network", "none", "--userns", kind, "-u", "0"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(),
                         {"i", "stat", "-c", "%n %u:%g:%a", "/f", "/d", "/d/linked", "/second", "/l"});
        const Result result = sandbox(arguments);
        EXPECT_EQ(result.status, 0) << kind << ": " << result.err;
        return result.out;
    }
    static constexpr const char* of_the_image =
        "/f 7:8:4755\n/d 9:10:1770\n/d/linked 1000:1001:600\n/second 1000:1001:600\n/l 11:12:777\n";
    // Links have no attributes, so their owners are what cannot be kept.
    static constexpr const char* but_links =
        "/f 7:8:4755\n/d 9:10:1770\n/d/linked 1000:1001:600\n/second 1000:1001:600\n/l 0:0:777\n";
    static constexpr const char* of_one_id =
        "/f 0:0:755\n/d 0:0:1770\n/d/linked 0:0:600\n/second 0:0:600\n/l 0:0:777\n";
};

TEST_F(StoredTrees, OfTheWholeRangeFirst) {
    import({});
    EXPECT_EQ(owners("auto"), of_the_image);
    EXPECT_EQ(owners("keep-id"), of_the_image);
    EXPECT_EQ(owners("single"), of_one_id);
}

TEST_F(StoredTrees, OfYourOwnIdFirst) {
    import({"--userns", "keep-id"});
    EXPECT_EQ(owners("keep-id"), of_the_image);
    EXPECT_EQ(owners("single", {"--domain", "off"}), of_one_id);
    EXPECT_EQ(owners("auto"), of_the_image);
}

// A range that appears later finds the true owners in the tree.
TEST_F(StoredTrees, OfOneIdFirst) {
    import({"--userns", "single"});
    EXPECT_EQ(owners("single"), of_one_id);
    EXPECT_EQ(owners("auto"), but_links);
    EXPECT_EQ(owners("keep-id", {"--domain", "off"}), but_links);
}

TEST_F(StoredTrees, OneIdFilesRememberTheirOwners) {
    import({"--userns", "single"});
    const Result found = run({"find", store() / "layers", "-name", "linked"});
    const Result result = run({"getfattr", "--only-values", "-n", "user.sandbox.owner", trimmed(found.out)});
    EXPECT_EQ(result.out, "1000:1001:600") << found.out << result.err;
}

TEST_F(StoredTrees, AllKindsGoWithTheImage) {
    import({});
    for (const char* kind : {"keep-id", "single"}) {
        (void)owners(kind);
    }
    EXPECT_EQ(sandbox({"rmi", "i"}).status, 0);
    EXPECT_TRUE(std::filesystem::is_empty(store() / "layers"));
    EXPECT_TRUE(std::filesystem::is_empty(store() / "tmp"));
}

} // namespace
} // namespace sandbox::test
