// SPDX-License-Identifier: Apache-2.0
// Images that are damaged, or made to do harm: a clear error, nothing outside the store, no half image in it.
#include "harness.hpp"
#include "image_archive.hpp"

namespace sandbox::test {
namespace {

namespace fs = std::filesystem;

class BadImages : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        parts_ = {{base_layer(), make_archive({{"a", "upper"}})}};
    }
    /// Refused with these words, and nothing of it stays.
    void refused(const Files& files, const std::string& reason) {
        write_text(scratch() / "bad.tar", tar_of(files));
        refused_file(scratch() / "bad.tar", reason);
    }
    void refused_file(const fs::path& file, const std::string& reason) {
        const Result result = sandbox({"import", file, "bad"});
        expect_failure(result, 125, file.filename(), reason);
        EXPECT_EQ(sandbox({"images"}).out, "");
        EXPECT_FALSE(fs::exists(store() / "images") && !fs::is_empty(store() / "images"));
        EXPECT_FALSE(fs::exists(store() / "layers") && !fs::is_empty(store() / "layers"));
    }
    static std::string blob(const std::string& bytes) { return "blobs/sha256/" + digest_of(bytes).substr(7); }
    /// manifest.json that is this.
    void refused_manifest(const std::string& manifest, const std::string& reason) {
        Files files = docker_archive(parts_);
        files["manifest.json"] = manifest;
        refused(files, reason);
    }
    void refused_config(const std::string& config, const std::string& reason) {
        parts_.config = config;
        refused(oci_layout(parts_), reason);
    }

    ImageParts parts_;
};

TEST_F(BadImages, DigestsThatDoNotMatch) {
    const std::string config = config_json(parts_);
    // A blank in the JSON; a byte of a file's content in the layers.
    for (const auto& [name, place] : {std::pair{blob(config), 1UL}, std::pair{blob(parts_.layers[0]), 2000UL},
                                      std::pair{blob(parts_.layers[1]), 514UL}}) {
        Files files = oci_layout(parts_);
        files[name].replace(place, 1, place == 1 ? " \"" : "?");
        refused(files, "does not have the digest");
    }
    Files files = oci_layout(parts_);
    for (auto& [name, bytes] : files) {
        if (contains(bytes, "\"layers\"")) {
            bytes += " ";
        }
    }
    refused(files, "does not have the digest");
}

TEST_F(BadImages, ALayerThatIsNotTheConfigs) {
    ImageParts other = parts_;
    other.blobs = {parts_.layers[0], make_archive({{"a", "another"}})};
    refused(oci_layout(other), "does not have the digest");
    refused(docker_archive(other), "does not have the digest");
}

TEST_F(BadImages, MissingLayersAndConfigs) {
    for (const std::string& bytes : {parts_.layers[1], config_json(parts_)}) {
        Files files = oci_layout(parts_);
        files.erase(blob(bytes));
        refused(files, "missing");
    }
    ImageParts fewer = parts_;
    fewer.blobs = {parts_.layers[0]};
    refused(oci_layout(fewer), "names 2 layers, the manifest 1");
}

TEST_F(BadImages, AnArchiveThatEndsEarly) {
    const std::string whole = tar_of(oci_layout(parts_));
    write_text(scratch() / "cut.tar", whole.substr(0, whole.size() / 2));
    refused_file(scratch() / "cut.tar", "");
}

TEST_F(BadImages, ManifestsOfTheWrongTypes) {
    refused_manifest("{", "is not JSON");
    refused_manifest("", "is not JSON");
    refused_manifest("{}", "no list");
    refused_manifest("[1]", "no object");
    refused_manifest("[]", "names no image");
    refused_manifest(R"([{"Config":1,"RepoTags":[],"Layers":[]}])", "Config is no text");
    refused_manifest(R"([{"Config":"x","RepoTags":"a","Layers":[]}])", "RepoTags is no list");
    refused_manifest(R"([{"Config":"x","RepoTags":[],"Layers":[{}]}])", "Layers[0] is no text");
    refused_manifest(R"([{"Config":"../../etc/passwd","RepoTags":[],"Layers":[]}])", "'..'");
    refused_manifest(R"([{"Config":"a\u0000b","RepoTags":[],"Layers":[]}])", "NUL");
    refused_manifest(std::string(3 << 20, '['), "is not JSON");
    refused_manifest("[{\"Config\":\"" + std::string(5 << 20, 'x') + "\"}]", "larger than");
}

TEST_F(BadImages, ConfigsOfTheWrongTypes) {
    refused_config("[]", "config is no object");
    refused_config(R"({"Env":{}})", "Env is no list");
    refused_config(R"({"Env":["=x"]})", "Env[0] is not of the form");
    refused_config(R"({"Cmd":"ls"})", "Cmd is no list");
    refused_config(R"({"Labels":["a"]})", "Labels is no object");
    refused_config(R"({"User":5})", "User is no text");
    refused_config(R"({"WorkingDir":"\u0000"})", "NUL");
    refused_config("{\"User\":\"" + std::string(3 << 20, 'u') + "\"}", "larger than");
}

TEST_F(BadImages, IndexesThatLeadNowhere) {
    Files files = oci_layout(parts_);
    files["index.json"] = R"({"manifests":[{"digest":"md5:abc","size":1}]})";
    refused(files, "digest is no sha256 digest");
    files["index.json"] = R"({"manifests":[{"digest":")" + digest_of("nothing") + R"(","size":7}]})";
    refused(files, "missing");
    files["index.json"] = R"({"manifests":[]})";
    refused(files, "holds no image");
    // An index that holds itself cannot be: its digest would be in it. A long chain can.
    std::string inner = R"({"manifests":[]})";
    for (int i = 0; i < 8; ++i) {
        const std::string digest = digest_of(inner);
        files["blobs/sha256/" + digest.substr(7)] = inner;
        inner =
            R"({"manifests":[{"digest":")" + digest + R"(","size":)" + std::to_string(inner.size()) + "}]}";
    }
    files["index.json"] = inner;
    refused(files, "index after index");
}

TEST_F(BadImages, SeveralImagesInOneArchive) {
    refused_manifest(
        R"([{"Config":"a","RepoTags":["one:1"],"Layers":[]},{"Config":"b","RepoTags":["two:2"],"Layers":[]}])",
        "several images: one:1, two:2");
}

TEST_F(BadImages, TooManyLayers) {
    for (int i = 0; i < 510; ++i) {
        parts_.layers.push_back(parts_.layers[1]);
    }
    refused(oci_layout(parts_), "512 layers");
}

TEST_F(BadImages, LayersThatReachOut) {
    const std::string secret = scratch() / "secret";
    write_text(secret, "of the host");
    const std::vector<std::pair<std::vector<Entry>, std::string>> layers = {
        {{{"../out", "x"}}, "'..'"},
        {{{"d/.wh...", ""}}, "whiteout names no file"},
        {{{"d/.wh.", ""}}, "whiteout names no file"},
        {{{"d/../.wh.x", ""}}, "'..'"},
        {{{"l", "", '2', scratch()}, {"l/.wh.secret", ""}}, ""},
        {{{"l", "", '2', scratch()}, {"l/.wh..wh..opq", ""}}, ""},
        {{{"l", "", '2', ".."}, {"l/x", "x"}}, ""},
        {{{"h", "", '1', "../../secret"}}, "'..'"},
    };
    for (const auto& [entries, reason] : layers) {
        parts_.layers[1] = make_archive(entries);
        refused(oci_layout(parts_), reason);
        EXPECT_EQ(read_text(secret), "of the host");
    }
}

// A layout's directory is a stranger's too: what its links lead to is not read.
TEST_F(BadImages, ALayoutsLinksOutAreNotFollowed) {
    const Files files = oci_layout(parts_);
    write_directory(scratch() / "layout", files);
    const std::string manifest = scratch() / "elsewhere";
    write_text(manifest, files.at("index.json"));
    fs::remove(scratch() / "layout" / "index.json");
    fs::create_symlink(manifest, scratch() / "layout" / "index.json");
    refused_file(scratch() / "layout", "missing");
    fs::remove(scratch() / "layout" / "index.json");
    ASSERT_EQ(run({"mkfifo", scratch() / "layout" / "index.json"}).status, 0);
    refused_file(scratch() / "layout", "missing");
}

// The marks of an overlay are made from the layer's own, never taken over from attributes in it.
TEST_F(BadImages, AttributesThatWouldSteerTheOverlay) {
    Entry etc{"bin/", "", '5'};
    etc.attributes = {
        {"user.overlay.opaque", "y"}, {"user.sandbox.owner", "0:0:4755"}, {"user.mine", "kept"}};
    parts_.layers[1] = make_archive({etc});
    write_text(scratch() / "o.tar", tar_of(oci_layout(parts_)));
    const Result result = sandbox({"run", "--network", "none", scratch() / "o.tar", "ls", "/bin/busybox"});
    EXPECT_EQ(result.out, "/bin/busybox\n") << result.err;
}

} // namespace
} // namespace sandbox::test
