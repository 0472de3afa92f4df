// SPDX-License-Identifier: Apache-2.0
// The store: names, sharing, removal, and what kills and crowds leave of it.
#include <signal.h>

#include <thread>

#include "harness.hpp"
#include "image_archive.hpp"

namespace sandbox::test {
namespace {

namespace fs = std::filesystem;

class Store : public SandboxTest {
  protected:
    /// An archive of an image that shares its lowest layer with the others.
    std::string archive(const std::string& which,
                        const std::string& config = R"({"Cmd":["cat","/which"]})") const {
        const ImageParts parts{{base_layer(), make_archive({{"which", which}})}, {}, config};
        const fs::path path = scratch() / (which + ".tar");
        write_text(path, tar_of(docker_archive(parts, "made/" + which + ":1.0")));
        return path;
    }
    void import(const std::string& which, const std::string& name) {
        const Result result = sandbox({"import", archive(which), name});
        EXPECT_EQ(result.status, 0) << result.err;
    }
    std::size_t count(const std::string& directory) const {
        std::error_code none;
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator{store() / directory, none}, fs::directory_iterator{}));
    }
    /// Every image that is listed runs.
    void expect_whole() {
        for (const std::string& name : names()) {
            const Result result = sandbox({"run", "--network", "none", name});
            EXPECT_EQ(result.status, 0) << name << ": " << result.err;
        }
    }
    std::vector<std::string> names() {
        std::vector<std::string> result;
        for (const std::string& line : lines_of(sandbox({"images"}).out)) {
            const std::string name = line.substr(0, line.find(' '));
            if (contains(name, ":")) {
                result.push_back(name);
            }
        }
        return result;
    }
};

TEST_F(Store, AStoredImageRunsByItsName) {
    import("one", "team/app:v1");
    EXPECT_EQ(sandbox({"run", "--network", "none", "team/app:v1"}).out, "one");
    EXPECT_EQ(sandbox({"run", "--network", "none", "docker.io/team/app:v1"}).out, "one");
    EXPECT_EQ(sandbox({"run", "--network", "none", "team/app"}).status, 125); // that is :latest
}

TEST_F(Store, WithoutANameTheArchivesOwnIsTakenOrTheFiles) {
    EXPECT_TRUE(contains(sandbox({"import", archive("one")}).out, "made/one:1.0 "));
    EXPECT_EQ(sandbox({"run", "--network", "none", "made/one:1.0"}).out, "one");
    const std::string root = write_image(scratch() / "Plain.tar", {{"etc/", "", '5'}});
    EXPECT_TRUE(contains(sandbox({"import", root}).out, "plain:latest "));
    RunOptions options;
    options.input = read_text(root);
    expect_failure(sandbox({"import", "-"}, options), 125, "-", "no name", "hint: ");
    EXPECT_TRUE(contains(sandbox({"import", "--name", "piped", "-"}, options).out, "piped:latest "));
}

TEST_F(Store, AFileDoesNotShadowAName) {
    import("stored", "app");
    write_text(scratch() / "app", "no image");
    RunOptions options;
    options.directory = scratch();
    EXPECT_EQ(sandbox({"run", "--network", "none", "app"}, options).out, "stored");
    EXPECT_EQ(sandbox({"run", "--network", "none", "./app"}, options).status, 125);
}

TEST_F(Store, NamesAreNeverPaths) {
    const std::string file = archive("one");
    for (const char* name : {"../x", "/x", "a/../b", ".", "..", "a//b", "A", "a:", "a:b/c", "a:.x", "-a",
                             "a b", "a+b", "a\nb", "a/", "é", "sha256:", "a:-x"}) {
        const Result result = sandbox({"import", "--", file, name});
        EXPECT_EQ(result.status, 125) << name;
        EXPECT_EQ(sandbox({"rmi", "--", name}).status, 125) << name;
    }
    EXPECT_EQ(count("names"), 0U);
    EXPECT_EQ(sandbox({"import", file, std::string(300, 'a')}).status, 125);
}

TEST_F(Store, SharedLayersAreStoredAndCountedOnce) {
    import("one", "one");
    import("two", "two");
    EXPECT_EQ(count("layers"), 3U);
    const std::string json = sandbox({"images", "--json"}).out;
    EXPECT_EQ(run({"python3", "-c",
                   "import json,sys\nd=json.load(sys.stdin)\nl={x['digest']:x['size'] for i in d['images'] "
                   "for x in "
                   "i['layers']}\nprint(len(d['images']),len(l),sum(l.values())==d['size'],"
                   "[i['size']==sum(x['size'] for x in i['layers']) for i in d['images']])"},
                  {.input = json})
                  .out,
              "2 3 True [True, True]\n");
    EXPECT_EQ(sandbox({"rmi", "one"}).status, 0);
    EXPECT_EQ(count("layers"), 2U);
    EXPECT_EQ(sandbox({"run", "--network", "none", "two"}).out, "two");
}

TEST_F(Store, ImportOfTheSameIsToldAndUnpacksNothing) {
    import("one", "one");
    const std::string root = write_image(scratch() / "plain.tar", {});
    EXPECT_FALSE(contains(sandbox({"import", root, "plain"}).out, "there already"));
    EXPECT_TRUE(contains(sandbox({"import", root, "again"}).out, "there already"));
    EXPECT_TRUE(contains(sandbox({"import", archive("one"), "other"}).out, "there already"));
    EXPECT_EQ(names(),
              (std::vector<std::string>{"again:latest", "one:latest", "other:latest", "plain:latest"}));
}

TEST_F(Store, ANameCanMoveToAnotherImage) {
    import("one", "app");
    import("two", "app");
    EXPECT_EQ(sandbox({"run", "--network", "none", "app"}).out, "two");
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_EQ(count("images"), 1U);
    EXPECT_EQ(count("layers"), 2U);
}

TEST_F(Store, RmiTakesNamesAndIds) {
    import("one", "one");
    import("one", "also-one");
    expect_failure(sandbox({"rmi", "1bcc"}), 125, "1bcc", "no stored image", "an id needs six digits");
    EXPECT_EQ(sandbox({"rmi", "one"}).out, "untagged one:latest\n");
    EXPECT_EQ(sandbox({"run", "--network", "none", "also-one"}).out, "one");
    const std::string row = lines_of(sandbox({"images"}).out)[1];
    const std::string id = row.substr(row.find_first_not_of(' ', row.find(' ')), 12);
    EXPECT_TRUE(contains(sandbox({"rmi", id}).out, "removed " + id));
    EXPECT_EQ(count("layers"), 0U);
    expect_failure(sandbox({"rmi", "one"}), 125, "one", "no stored image", "hint: ");
    EXPECT_EQ(sandbox({"images"}).out, "");
}

TEST_F(Store, AnIndexThatCannotBeReadIsNotTakenForEmpty) {
    import("one", "one");
    fs::permissions(store() / "names", fs::perms::none);
    const Result result = sandbox({"prune", "--domain", "off"});
    fs::permissions(store() / "names", fs::perms::owner_all);
    expect_failure(result, 125, "names", "Permission denied");
    EXPECT_EQ(sandbox({"run", "--network", "none", "one"}).out, "one");
}

TEST_F(Store, ADamagedRecordCostsNoLayers) {
    import("one", "one");
    import("two", "two");
    const fs::path record = fs::directory_iterator {
        store() / "images"
        } -> path();
    write_text(record, read_text(record) + "X\n");
    const Result result = sandbox({"prune"});
    EXPECT_TRUE(contains(result.err, "images/" + record.filename().string() + ": the record is damaged"))
        << result.err;
    EXPECT_EQ(count("layers"), 3U);
    import("one", "one");
    import("two", "two");
    EXPECT_EQ(sandbox({"prune"}).err, "");
    expect_whole();
}

TEST_F(Store, WhatRmiLeavesForAnImportIsSaid) {
    import("one", "one");
    RunOptions options;
    options.keep_stdin_open = true;
    Process importing{sandbox_command({"import", "-", "slow"}), with_store(options)};
    ASSERT_TRUE(eventually([&] { return count("tmp") > 0; }));
    const Result result = sandbox({"rmi", "one"});
    EXPECT_EQ(result.out, "untagged one:latest\n");
    EXPECT_TRUE(contains(result.err, "its files stay for now") && contains(result.err, "sandbox prune"))
        << result.err;
    importing.close_stdin();
    EXPECT_EQ(importing.wait().status, 125);
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_EQ(count("layers"), 0U);
}

TEST_F(Store, RmiGoesOnBehindANameThatIsNotThere) {
    import("one", "one");
    import("one", "two");
    const Result result = sandbox({"rmi", "one", "first-typo", "second-typo", "two"});
    EXPECT_EQ(result.status, 125);
    EXPECT_TRUE(contains(result.out, "untagged one:latest\n") && contains(result.out, "removed "))
        << result.out;
    EXPECT_TRUE(contains(result.err, "first-typo: no stored image") && contains(result.err, "second-typo: "))
        << result.err;
    EXPECT_EQ(count("layers"), 0U);
}

TEST_F(Store, AnImageInUseIsNotRemovedAndItIsSaidByWhom) {
    import("one", "one");
    Process process{sandbox_command({"run", "--network", "none", "one", "sh", "-c", "echo up; sleep 60"}),
                    with_store({})};
    ASSERT_TRUE(process.wait_for_output("up\n"));
    const Result refused = sandbox({"rmi", "one"});
    expect_failure(refused, 125, "one", "in use by process " + std::to_string(process.pid()), "hint: ");
    EXPECT_TRUE(contains(refused.err, "sandbox run --network none one sh")) << refused.err;
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_EQ(count("images"), 1U);
    process.signal(SIGKILL);
    (void)process.wait();
    EXPECT_TRUE(eventually([&] { return sandbox({"rmi", "one"}).status == 0; }));
    EXPECT_EQ(count("layers"), 0U);
}

TEST_F(Store, PruneKeepsWhatRunsAndDropsWhatOnlyAFileLeadsTo) {
    const std::string file = archive("one");
    Process process{sandbox_command({"run", "--network", "none", file, "sh", "-c", "echo up; sleep 60"}),
                    with_store({})};
    ASSERT_TRUE(process.wait_for_output("up\n"));
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_EQ(count("layers"), 2U);
    process.signal(SIGTERM);
    (void)process.wait();
    EXPECT_TRUE(contains(sandbox({"prune"}).out, "removed 1 image, 2 layers"));
    EXPECT_EQ(count("layers"), 0U);
    EXPECT_EQ(sandbox({"run", "--network", "none", file}).out, "one"); // and is imported anew
}

TEST_F(Store, ARecordThatIsDamagedIsNoImage) {
    import("one", "one");
    for (const auto& record : fs::directory_iterator{store() / "images"}) {
        write_text(record.path(), "layer\0../../etc 5\0end\0\0");
    }
    expect_failure(sandbox({"run", "one"}), 125, "one", "cannot be used", "hint: ");
    EXPECT_EQ(sandbox({"import", archive("one"), "one"}).status, 0);
    EXPECT_EQ(sandbox({"run", "--network", "none", "one"}).out, "one");
}

// A command that is short does not wait for the disk: its image has a mark, three words, until a later start.
TEST_F(Store, AStartBringsToTheDiskWhatAnEarlierOneImported) {
    const std::string file = archive("one");
    const auto marks = [&] {
        int count = 0;
        for (const auto& entry : fs::directory_iterator{store() / "tars"}) {
            std::istringstream words{read_text(entry.path())};
            count += std::distance(std::istream_iterator<std::string>{words}, {}) > 2 ? 1 : 0;
        }
        return count;
    };
    const auto start = [&] { return sandbox({"run", "--network", "none", file}).out; };
    ASSERT_EQ(start(), "one");
    EXPECT_GT(marks(), 0);
    EXPECT_TRUE(eventually([&] { return start() == "one" && marks() == 0; })); // a busy disk may take several
}

// An import of `run` is written to the disk in its own time. After a power failure before that (another boot
// id), its tree is not trusted.
TEST_F(Store, WhatAPowerFailureMayHaveHalvedIsImportedAnew) {
    const std::string file = archive("one");
    std::this_thread::sleep_for(seconds{2}); // a file that has just changed is read again in any case
    ASSERT_EQ(sandbox({"run", "--network", "none", file}).out, "one");
    import("kept", "kept");
    for (const auto& entry : fs::directory_iterator{store() / "tars"}) {
        std::string words = trimmed(read_text(entry.path()));
        words = words.substr(0, words.find(' ', words.find(' ') + 1));
        write_text(entry.path(), words + " another-boot\n", 0600);
    }
    for (const auto& layer : fs::directory_iterator{store() / "layers"}) {
        for (const auto& kind : fs::directory_iterator{layer.path()}) {
            if (fs::exists(kind.path() / "root" / "which") &&
                read_text(kind.path() / "root" / "which") == "one") {
                write_text(kind.path() / "root" / "which", "");
            }
        }
    }
    EXPECT_EQ(sandbox({"run", "--network", "none", file}).out, "one");
    EXPECT_EQ(sandbox({"run", "--network", "none", "kept"}).out, "kept");
}

// --- kills and crowds ---

TEST_F(Store, AnImportKilledAtAnyPointLeavesAWholeStore) {
    import("zero", "zero");
    const std::string big(3 << 20, 'x');
    const ImageParts parts{{base_layer(), make_archive({{"big", big}, {"a/", "", '5'}, {"a/b", big}}),
                            make_archive({{"which", "killed"}})},
                           {},
                           R"({"Cmd":["true"]})"};
    write_text(scratch() / "k.tar", tar_of(oci_layout(parts)));
    constexpr int kills = 30;
    for (int i = 0; i < kills; ++i) {
        Process process{sandbox_command({"import", scratch() / "k.tar", "k"}), with_store({})};
        std::this_thread::sleep_for(milliseconds{1 + i * 4});
        process.signal(SIGKILL);
        (void)process.wait();
        if (i % 10 == 9) {
            expect_whole();
        }
    }
    EXPECT_EQ(sandbox({"import", scratch() / "k.tar", "k"}).status, 0);
    EXPECT_EQ(sandbox({"run", "--network", "none", "k", "cat", "/which"}).out, "killed");
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_EQ(count("layers"), 4U); // the base, zero's, and two of k's
    EXPECT_EQ(count("tmp"), 0U);
}

TEST_F(Store, RemovalsKilledAtAnyPointLeaveAWholeStore) {
    import("zero", "zero");
    for (int i = 0; i < 12; ++i) {
        import("one", "one");
        Process process{sandbox_command({i % 2 == 0 ? "rmi" : "prune", i % 2 == 0 ? "one" : "--quiet"}),
                        with_store({})};
        std::this_thread::sleep_for(milliseconds{1 + i * 3});
        process.signal(SIGKILL);
        (void)process.wait();
        expect_whole();
    }
    (void)sandbox({"rmi", "one"});
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_EQ(count("layers"), 2U);
    EXPECT_EQ(count("tmp"), 0U);
}

// Imports, runs, removals and prunes at once: each succeeds, or says what is missing or in use; nothing
// breaks.
TEST_F(Store, CrowdsLeaveAWholeStore) {
    import("kept", "kept");
    const std::vector<std::string> files{archive("one"), archive("two")};
    const auto allowed = [](const Result& result) {
        return result.status == 0 ||
               (result.status == 125 &&
                (contains(result.err, "no such image") || contains(result.err, "no stored image") ||
                 contains(result.err, "in use by") || contains(result.err, "cannot be used")));
    };
    std::vector<std::thread> crowd;
    std::vector<std::string> complaints(6);
    for (std::size_t worker = 0; worker < complaints.size(); ++worker) {
        crowd.emplace_back([&, worker] {
            const std::string name = worker % 2 == 0 ? "one" : "two";
            for (int round = 0; round < 6; ++round) {
                const std::vector<Arguments> jobs{{"import", files[worker % 2], name},
                                                  {"run", "--network", "none", name},
                                                  {"run", "--network", "none", files[worker % 2]},
                                                  {"rmi", name},
                                                  {"prune"},
                                                  {"run", "--network", "none", "kept"}};
                const Arguments& job = jobs[(worker + static_cast<std::size_t>(round)) % jobs.size()];
                const Result result = sandbox(job);
                if (!allowed(result) || (job.back() == "kept" && result.out != "kept")) {
                    complaints[worker] += job[0] + " " + job.back() + ": " + result.err;
                }
            }
        });
    }
    for (std::thread& thread : crowd) {
        thread.join();
    }
    for (const std::string& complaint : complaints) {
        EXPECT_EQ(complaint, "");
    }
    expect_whole();
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_EQ(count("tmp"), 0U);
}

} // namespace
} // namespace sandbox::test
