// SPDX-License-Identifier: Apache-2.0
// Imports of many layers side by side, of directories, and onto a disk that is full.
#include <signal.h>

#include <fstream>
#include <thread>

#include "harness.hpp"
#include "image_archive.hpp"

namespace sandbox::test {
namespace {

namespace fs = std::filesystem;

class Import : public SandboxTest {
  protected:
    std::string write_layers(const std::vector<std::string>& layers) const {
        write_text(scratch() / "i.tar", tar_of(oci_layout({layers})));
        return scratch() / "i.tar";
    }
    /// A layer with a few files, this one among them.
    static std::string layer_of(const std::string& name, const std::string& content) {
        return make_archive({{"d/", "", '5'}, {"d/" + name, content}, {"last", name}});
    }
    std::size_t entries_of_store(const std::string& directory) const {
        std::error_code none;
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator{store() / directory, none}, fs::directory_iterator{}));
    }
    static std::string random_bytes(std::size_t size) {
        std::string bytes(size, '\0');
        std::ifstream{"/dev/urandom"}.read(bytes.data(), static_cast<std::streamsize>(size));
        return bytes;
    }
};

TEST_F(Import, ManyLayersSideBySideLieInTheirOrder) {
    std::vector<std::string> layers{base_layer()};
    for (int i = 0; i < 60; ++i) {
        layers.push_back(layer_of("f" + std::to_string(i), std::to_string(i)));
    }
    layers.push_back(layers[5]); // the same again: one tree
    const Result result =
        sandbox({"run", "--network", "none", write_layers(layers), "sh", "-c", "cat /last; ls /d | wc -l"});
    EXPECT_EQ(result.out, "f460\n") << result.err;
    EXPECT_EQ(entries_of_store("layers"), 61U);
}

TEST_F(Import, OneProcessorIsEnough) {
    REQUIRE_PROGRAM("taskset");
    const std::string file = write_layers({base_layer(), layer_of("a", "1"), layer_of("b", "2")});
    Arguments command{"taskset", "-c", "0"};
    for (const std::string& word : sandbox_command({"run", "--network", "none", file, "cat", "/last"})) {
        command.push_back(word);
    }
    const Result result = run(command, with_store({}));
    if (contains(result.err, "affinity")) {
        GTEST_SKIP() << "processor 0 is not ours: " << result.err;
    }
    EXPECT_EQ(result.out, "b") << result.err;
}

// Whichever thread comes to it first: the lowest one's error, with its number, every time.
TEST_F(Import, OfSeveralBadLayersTheLowestIsNamed) {
    const std::string long_layer = layer_of("big", std::string(20 << 20, 'x'));
    const auto bad = [](const std::string& name) { return make_archive({{"ok", "x"}, {"../" + name, "x"}}); };
    const std::string file =
        write_layers({base_layer(), long_layer, bad("first"), bad("second"), bad("third")});
    for (int round = 0; round < 8; ++round) {
        const Result result = sandbox({"import", file, "bad"});
        expect_failure(result, 125, "i.tar: layer 3: ../first", "", "");
        EXPECT_EQ(entries_of_store("layers") + entries_of_store("images") + entries_of_store("tmp"), 0U);
    }
}

TEST_F(Import, AFullDiskNamesTheLayerAndLeavesNoHalfImage) {
    const std::string file = write_layers({base_layer(), layer_of("small", "x"),
                                           layer_of("big", random_bytes(12 << 20)), layer_of("after", "y")});
    fs::create_directory(store());
    for (const char* form : {"file", "pipe"}) {
        const Result result =
            run({"unshare", "--user", "--map-root-user", "--map-auto", "--mount", "sh", "-c",
                 "mount -t tmpfs -o size=6m,mode=0700 none \"$2\" && "
                 "if [ $3 = pipe ]; then cat \"$1\" | \"$0\" import - x; else \"$0\" import \"$1\" x; fi; "
                 "echo status $?; find \"$2\" -mindepth 2 ! -path '*/scaffold*'; "
                 "mount -o remount,size=64m none \"$2\" && \"$0\" import \"$1\" x >&2 && \"$0\" run "
                 "--network none "
                 "x cat /last",
                 sandbox_binary(), file, store(), form},
                with_store({}));
        EXPECT_EQ(result.out, "status 125\nafter") << form << ": " << result.err;
        EXPECT_TRUE(contains(result.err, "o space left on device")) << form << ": " << result.err;
        if (std::string{form} == "file") {
            EXPECT_TRUE(contains(result.err, "i.tar: layer 3: d/big: ")) << result.err;
        }
    }
}

TEST_F(Import, OfADirectoryIsACopy) {
    const std::string archive = write_image(
        scratch() / "root.tar",
        {{"file", "first", '0', "", 0640}, {"linked", "", '1', "file"}, {"link", "", '2', "file"}});
    fs::create_directory(scratch() / "tree");
    ASSERT_EQ(run({"tar", "-C", scratch() / "tree", "-xpf", archive}).status, 0);
    RunOptions options;
    options.directory = scratch();
    EXPECT_TRUE(contains(sandbox({"import", "tree", "copied:1"}, options).out, "copied:1 "));
    EXPECT_TRUE(contains(sandbox({"import", scratch() / "tree"}).out, "tree:latest "));
    EXPECT_TRUE(contains(sandbox({"import", scratch() / "tree"}).out, "(was there already)"));
    write_text(scratch() / "tree" / "file", "changed");
    EXPECT_EQ(sandbox({"run", "--network", "none", "copied:1", "sh", "-c",
                       "cat /link; stat -c ' %u:%g:%a:%h' /file"})
                  .out,
              "first 0:0:640:2\n");
    // Beside what it was made of the export is the same.
    EXPECT_EQ(sandbox({"export", "-o", scratch() / "a.tar", "copied:1"}).status, 0);
    EXPECT_EQ(sandbox({"import", scratch() / "a.tar", "again"}).status, 0);
    EXPECT_EQ(entries_of_store("layers"), 1U);
}

TEST_F(Import, OfADirectoryThatIsNoRootOrHasNoRoomLeavesNothing) {
    fs::create_directory(scratch() / "empty");
    expect_failure(sandbox({"import", scratch() / "empty", "x"}), 125, "empty", "no root file system",
                   "hint: ");
    fs::create_directories(scratch() / "tree" / "etc");
    write_text(scratch() / "tree" / "etc" / "big", random_bytes(3 << 20));
    fs::create_directory(store());
    const Result result = run({"unshare", "--user", "--map-root-user", "--map-auto", "--mount", "sh", "-c",
                               "mount -t tmpfs -o size=1m,mode=0700 none \"$2\"; \"$0\" import \"$1\" x; "
                               "echo status $?; find \"$2\" -mindepth 2 ! -path '*/scaffold*'",
                               sandbox_binary(), scratch() / "tree", store()},
                              with_store({}));
    EXPECT_EQ(result.out, "status 125\n") << result.err;
    EXPECT_TRUE(contains(result.err, "tree: etc/big: ")) << result.err;
    EXPECT_TRUE(contains(result.err, "o space left on device")) << result.err;
}

// --- kills at any point, of any process ---

TEST_F(Import, AnyProcessOfItKilledAtAnyPointLeavesAWholeStore) {
    const std::string file = write_layers({base_layer(), layer_of("a", random_bytes(4 << 20)),
                                           layer_of("b", random_bytes(4 << 20)), layer_of("c", "last one")});
    unsigned killed = 0;
    for (int round = 0; round < 24; ++round) {
        Process process{sandbox_command({"import", file, "k"}), with_store({})};
        pid_t victim = process.pid();
        if (round % 2 == 0) {
            ASSERT_TRUE(
                eventually([&] { return (victim = find_descendant("sandbox-unpack")) > 0; }, seconds{60}));
        }
        std::this_thread::sleep_for(milliseconds{round % 2 == 0 ? round / 2 : round * 4});
        (void)::kill(victim, SIGKILL);
        const Result result = process.wait();
        if (result.status == 125) {
            ++killed;
            EXPECT_TRUE(contains(result.err, "killed by signal 9")) << result.err;
            EXPECT_EQ(entries_of_store("tmp"), 0U) << "of a helper that was killed";
        }
        const Result images = sandbox({"images"});
        EXPECT_EQ(images.status, 0) << images.err;
        if (contains(images.out, "k:latest")) {
            EXPECT_EQ(sandbox({"run", "--network", "none", "k", "cat", "/last"}).out, "c");
            EXPECT_EQ(sandbox({"rmi", "k"}).status, 0);
        }
    }
    EXPECT_GT(killed, 0U) << "no helper was met at work";
    EXPECT_EQ(sandbox({"import", file, "k"}).status, 0);
    EXPECT_EQ(sandbox({"run", "--network", "none", "k", "cat", "/last"}).out, "c");
    EXPECT_EQ(sandbox({"prune"}).status, 0);
    EXPECT_EQ(entries_of_store("layers"), 4U);
    EXPECT_EQ(entries_of_store("tmp"), 0U);
}

// A tree that was put in its place, but not yet on the disk when the power went: nothing but its mark tells.
TEST_F(Import, ATreeThatAPowerFailureMayHaveHalvedIsNotTakenForWhole) {
    const std::string file = write_layers({base_layer(), layer_of("a", "1")});
    ASSERT_EQ(sandbox({"import", file, "k"}).status, 0);
    std::string id;
    for (const auto& record : fs::directory_iterator{store() / "images"}) {
        id = record.path().filename();
    }
    // As it is left between the first tree's rename and the image's record.
    fs::remove(store() / "images" / id);
    fs::remove(store() / "names" / "k:latest");
    fs::remove_all(store() / "tars");
    fs::create_directory(store() / "tars");
    write_text(store() / "tars" / ("new-" + id), "sha256:" + id + " 1 another-boot\n", 0600);
    for (const auto& layer : fs::directory_iterator{store() / "layers"}) {
        for (const auto& kind : fs::directory_iterator{layer.path()}) {
            if (fs::exists(kind.path() / "root" / "last")) {
                write_text(kind.path() / "root" / "last", "");
            }
        }
    }
    ASSERT_EQ(sandbox({"import", file, "k"}).status, 0);
    EXPECT_EQ(sandbox({"run", "--network", "none", "k", "cat", "/last"}).out, "a");
}

} // namespace
} // namespace sandbox::test
