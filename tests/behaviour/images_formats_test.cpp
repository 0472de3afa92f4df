// SPDX-License-Identifier: Apache-2.0
// Images in every form that docker, podman, skopeo and umoci write.
#include "harness.hpp"
#include "image_archive.hpp"

namespace sandbox::test {
namespace {

class Images : public SandboxTest {
  protected:
    std::string write(const std::string& name, const std::string& bytes) const {
        write_text(scratch() / name, bytes);
        return scratch() / name;
    }
    /// What a command in the image says; the image is a file's, a directory's or a stored one's name.
    std::string said(const std::string& image, const std::string& command) {
        const Result result =
            sandbox({"run", "--network", "none", "--entrypoint", "", image, "sh", "-c", command});
        EXPECT_EQ(result.status, 0) << result.err;
        return result.out;
    }
    static ImageParts two_layers() {
        return {{base_layer({{"etc/", "", '5'}, {"etc/a", "lower"}, {"etc/b", "lower", '0', "", 0640, 5, 6}}),
                 make_archive({{"etc/", "", '5'}, {"etc/a", "upper"}})}};
    }
    void expect_two_layers(const std::string& image) {
        EXPECT_EQ(said(image, "cat /etc/a /etc/b; stat -c ' %u:%g:%a' /etc/b"), "upperlower 5:6:640\n")
            << image;
    }
    std::string whose(const std::string& image) { return said(image, "cat /which"); }
};

TEST_F(Images, DockerSaveOfOldVersions) {
    expect_two_layers(write("d.tar", tar_of(docker_archive(two_layers()))));
}

// docker since 25 writes both manifests, with blobs/sha256/HEX for files.
TEST_F(Images, DockerSaveWithBlobs) {
    const ImageParts parts = two_layers();
    Files files = oci_layout(parts);
    const auto path = [](const std::string& bytes) { return "blobs/sha256/" + digest_of(bytes).substr(7); };
    files["manifest.json"] = R"([{"Config":")" + path(config_json(parts)) +
                             R"(","RepoTags":["both:1"],"Layers":[")" + path(parts.layers[0]) + R"(",")" +
                             path(parts.layers[1]) + R"("]}])";
    expect_two_layers(write("d.tar", tar_of(files)));
}

// docker before version 24 wrote a repeated layer as a symbolic link to the first.
TEST_F(Images, LayersThatAreLinksInTheArchive) {
    const ImageParts parts{{base_layer({{"etc/", "", '5'}, {"etc/a", "lower"}})}};
    const std::string hex(64, 'c');
    const std::string config = config_json(parts);
    const std::string name = digest_of(config).substr(7) + ".json";
    const std::string archive =
        make_archive({{name, config},
                      {"first/layer.tar", parts.layers[0]},
                      {hex + "/layer.tar", "", '2', "../first/layer.tar"},
                      {"manifest.json", R"([{"Config":")" + name + R"(","RepoTags":null,"Layers":[")" + hex +
                                            R"(/layer.tar"]}])"}});
    EXPECT_EQ(said(write("d.tar", archive), "cat /etc/a"), "lower");
}

TEST_F(Images, OciArchiveAndLayoutDirectory) {
    const Files files = oci_layout(two_layers());
    expect_two_layers(write("o.tar", tar_of(files)));
    write_directory(scratch() / "layout", files);
    expect_two_layers((scratch() / "layout").string());
}

TEST_F(Images, ArchivesThatAreCompressedAsAWhole) {
    const std::string archive = tar_of(docker_archive(two_layers()));
    for (const Arguments& command :
         {Arguments{"gzip", "-c"}, Arguments{"zstd", "-qc"}, Arguments{"xz", "-c"}}) {
        if (has_program(command[0])) {
            expect_two_layers(write("d." + command[0], compressed(archive, command)));
        }
    }
}

TEST_F(Images, ThroughAPipe) {
    for (const std::string& archive : {tar_of(docker_archive(two_layers())), tar_of(oci_layout(two_layers())),
                                       compressed(tar_of(oci_layout(two_layers())), {"gzip", "-c"})}) {
        RunOptions options;
        options.input = archive;
        const Result result = sandbox({"import", "-", "piped"}, options);
        EXPECT_EQ(result.status, 0) << result.err;
        expect_two_layers("piped");
        EXPECT_EQ(sandbox({"rmi", "piped"}).status, 0);
    }
    RunOptions options;
    options.input = tar_of(docker_archive(two_layers()));
    EXPECT_EQ(sandbox({"run", "--network", "none", "-", "cat", "/etc/a"}, options).out, "upper");
}

TEST_F(Images, LayersOfEachCompression) {
    for (const Arguments& command : {Arguments{"gzip", "-c"}, Arguments{"zstd", "-qc"}, Arguments{"xz", "-c"},
                                     Arguments{"bzip2", "-c"}, Arguments{"lz4", "-qc"}}) {
        if (!has_program(command[0])) {
            continue;
        }
        ImageParts parts = two_layers();
        parts.layers[1] = make_archive({{"etc/", "", '5'}, {"etc/a", "upper"}, {command[0], ""}});
        for (const std::string& layer : parts.layers) {
            parts.blobs.push_back(compressed(layer, command));
        }
        expect_two_layers(write("o." + command[0], tar_of(oci_layout(parts))));
        expect_two_layers(write("d." + command[0], tar_of(docker_archive(parts))));
        // Each in a store that has none of its layers yet.
        EXPECT_EQ(sandbox({"prune"}).status, 0);
    }
}

TEST_F(Images, EmptyLayersAndRepeatedOnes) {
    const std::string empty(1024, '\0');
    ImageParts parts = two_layers();
    parts.layers = {parts.layers[0], empty, parts.layers[1], empty, parts.layers[1]};
    expect_two_layers(write("o.tar", tar_of(oci_layout(parts))));
}

TEST_F(Images, WhiteoutsAndOpaqueDirectories) {
    const ImageParts parts{{base_layer({{"d/", "", '5'},
                                        {"d/gone", "x"},
                                        {"d/kept", "k"},
                                        {"o/", "", '5'},
                                        {"o/old", "x"},
                                        {"r/", "", '5'},
                                        {"r/old", "x"},
                                        {"f", "x"},
                                        {"whole/", "", '5'},
                                        {"whole/x", "x"}}),
                            make_archive({{"d/", "", '5'},
                                          {"d/.wh.gone", ""},
                                          {"o/", "", '5'},
                                          {"o/new", "n"},
                                          {"o/.wh..wh..opq", ""}, // after what it does not hide
                                          {".wh.r", ""},          // taken away and made again in one layer
                                          {"r/", "", '5'},
                                          {"r/new", "n"},
                                          {".wh.f", ""},
                                          {".wh.whole", ""},
                                          {".wh..wh.plnk", ""}})}};
    const std::string image = write("o.tar", tar_of(oci_layout(parts)));
    EXPECT_EQ(said(image, "ls -d /d/* /o/* /r/* /f /whole 2>/dev/null; true"), "/d/kept\n/o/new\n/r/new\n");
    for (const char* storage : {"copy", "fuse"}) {
        const Result result = sandbox({"run", "--network", "none", "--storage", storage, image, "sh", "-c",
                                       "ls -d /d/* /o/* /r/* /f /whole 2>/dev/null; true"});
        EXPECT_EQ(result.out, "/d/kept\n/o/new\n/r/new\n") << storage << result.err;
    }
}

TEST_F(Images, AFileOfALayerReplacesADirectoryAndTheOtherWayRound) {
    const ImageParts parts{{base_layer({{"a/", "", '5'}, {"a/x", "x"}, {"b", "file"}}),
                            make_archive({{"a", "file"}, {"b/", "", '5'}, {"b/y", "y"}})}};
    const std::string image = write("o.tar", tar_of(oci_layout(parts)));
    EXPECT_EQ(said(image, "cat /a /b/y"), "filey");
    EXPECT_EQ(sandbox({"run", "--network", "none", "--storage", "copy", image, "cat", "/a", "/b/y"}).out,
              "filey");
}

TEST_F(Images, AHundredAndTwentyLayers) {
    ImageParts parts{{base_layer()}};
    for (int i = 0; i < 119; ++i) {
        parts.layers.push_back(make_archive({{"last", std::to_string(i)}, {"l" + std::to_string(i), ""}}));
    }
    const std::string image = write("o.tar", tar_of(oci_layout(parts)));
    EXPECT_EQ(said(image, "cat /last; ls -d /l[0-9]* | wc -l"), "118119\n");
}

// The links of a merged /usr are the lowest layer's, the shell and the users another's.
TEST_F(Images, ShellAndUsersAreFoundThroughTheLayers) {
    const ImageParts parts{
        {make_archive({{"bin", "", '2', "usr/bin"},
                       {"usr/", "", '5'},
                       {"usr/bin/", "", '5'},
                       {"etc/", "", '5'},
                       {"etc/passwd", "old:x:9:9::/:/bin/sh\n"}}),
         make_archive({{"usr/bin/busybox", busybox_binary()}, {"usr/bin/sh", "", '2', "busybox"}}),
         make_archive(
             {{"etc/", "", '5'}, {"etc/.wh..wh..opq", ""}, {"etc/passwd", "new:x:7:8::/:/bin/sh\n"}})}};
    const std::string image = write("o.tar", tar_of(oci_layout(parts)));
    EXPECT_EQ(sandbox({"shell", "--network", "none", "-u", "new", image, "--", "-c", "busybox id -u"}).out,
              "7\n");
    EXPECT_EQ(sandbox({"run", "--network", "none", "-u", "old", image, "sh"}).status, 125);
}

// --- platforms ---

TEST_F(Images, AnIndexGivesThisMachinesImage) {
    Files files{{"oci-layout", R"({"imageLayoutVersion":"1.0.0"})"}};
    std::string list;
    for (const char* architecture : {"s390x", "amd64", "arm64", "riscv64", "ppc64le", "386"}) {
        const ImageParts parts{{base_layer({{"which", architecture}})}};
        list += (list.empty() ? "" : ",") + add_oci_manifest(files, parts) +
                R"(,"platform":{"os":"linux","architecture":")" + architecture + R"("}})";
    }
    const std::string inner = R"({"schemaVersion":2,"manifests":[)" + list + "]}";
    const std::string digest = digest_of(inner);
    files["blobs/sha256/" + digest.substr(7)] = inner;
    files["index.json"] =
        R"({"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":")" + digest +
        R"(","size":)" + std::to_string(inner.size()) + "}]}";
    const std::string machine = trimmed(run({"uname", "-m"}).out);
    const std::string wanted = machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : machine;
    EXPECT_EQ(whose(write("o.tar", tar_of(files))), wanted);
}

TEST_F(Images, WhereNoPlatformFitsTheOnesThatExistAreListed) {
    Files files{{"oci-layout", "{}"}};
    std::string list;
    for (const char* platform :
         {R"("os":"linux","architecture":"vax")", R"("os":"windows","architecture":"amd64")",
          R"("os":"linux","architecture":"z80","variant":"v9")"}) {
        list += (list.empty() ? "" : ",") + add_oci_manifest(files, {{make_archive({})}}) +
                R"(,"platform":{)" + platform + "}}";
    }
    files["index.json"] = R"({"manifests":[)" + list + "]}";
    const Result result = sandbox({"import", write("o.tar", tar_of(files)), "x"});
    expect_failure(result, 125, "o.tar", "no image for linux/", "hint: ");
    EXPECT_TRUE(contains(result.err, "linux/vax, windows/amd64, linux/z80/v9")) << result.err;
}

/// Not all tools name a config HEX.json and a layer HEX/layer.tar, nor put the manifest first.
TEST_F(Images, ArchivesWithNamesOfOtherToolsOwn) {
    const std::string layer = base_layer();
    const std::string config = config_json({{layer}});
    for (const auto& [config_name, layer_name] :
         {std::pair{"sha256:" + digest_of(config).substr(7), std::string{"x.tar.gz"}},
          std::pair{std::string{"config.json"}, std::string{"layers/0.tar"}},
          std::pair{std::string{"zz.json"}, std::string{"0.tar"}}}) {
        const Files files{
            {config_name, config},
            {layer_name, layer},
            {"zzz/manifest", ""},
            {"manifest.json", R"([{"Config":")" + config_name + R"(","RepoTags":["odd:1"],"Layers":[")" +
                                  layer_name + R"("]}])"}};
        const std::string path = write("odd.tar", tar_of(files));
        EXPECT_EQ(sandbox({"run", "--network", "none", path, "echo", "works"}).out, "works\n") << layer_name;
        RunOptions options;
        options.input = tar_of(files);
        EXPECT_EQ(sandbox({"run", "--network", "none", "-", "echo", "works"}, options).out, "works\n")
            << layer_name;
    }
}

// --- what the image says about its process ---

class ImageConfigs : public Images {
  protected:
    std::string image(const std::string& config) {
        const ImageParts parts{
            {base_layer(
                {{"srv/", "", '5'}, {"etc/", "", '5'}, {"etc/passwd", "web:x:33:44:Web:/srv:/bin/sh\n"}})},
            {},
            config};
        return write("config.tar", tar_of(docker_archive(parts)));
    }
    std::string run_of(const std::string& config, const Arguments& options, const Arguments& words) {
        Arguments arguments{"run", "--network", "none"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.push_back(image(config));
        arguments.insert(arguments.end(), words.begin(), words.end());
        const Result result = sandbox(arguments);
        EXPECT_EQ(result.status, 0) << result.err;
        return result.out;
    }
};

TEST_F(ImageConfigs, EntrypointAndCmd) {
    const std::string both = R"({"Entrypoint":["/bin/echo","entry"],"Cmd":["cmd"]})";
    EXPECT_EQ(run_of(both, {}, {}), "entry cmd\n");
    EXPECT_EQ(run_of(both, {}, {"mine", "-x"}), "entry mine -x\n");
    EXPECT_EQ(run_of(both, {"--entrypoint", "/bin/echo"}, {}), "\n");
    EXPECT_EQ(run_of(both, {"--entrypoint", ""}, {"echo", "bare"}), "bare\n");
    EXPECT_EQ(run_of(R"({"Cmd":["echo","only"],"Entrypoint":null})", {}, {}), "only\n");
    EXPECT_EQ(run_of(R"({"Cmd":["echo","only"]})", {}, {"echo", "other"}), "other\n");
}

TEST_F(ImageConfigs, WithoutAnyCommandItIsSaid) {
    const Result result = sandbox({"run", image("{}")});
    expect_failure(result, 125, "config.tar", "no command is named, and the image has none", "hint: ");
}

TEST_F(ImageConfigs, AWorkingDirThatIsNotThereIsMade) {
    const std::string config = R"({"WorkingDir":"/not/there","User":"web","Cmd":["pwd"]})";
    EXPECT_EQ(run_of(config, {}, {}), "/not/there\n");
    expect_failure(sandbox({"run", "--network", "none", "-w", "/other", image(config)}), 125, "/other",
                   "No such file");
}

TEST_F(ImageConfigs, EnvWithoutAValueSetsNothing) {
    const std::string variables = run_of(R"({"Env":["BARE","A=1"],"Cmd":["env"]})", {}, {});
    EXPECT_TRUE(contains(variables, "A=1\n") && !contains(variables, "BARE")) << variables;
}

TEST_F(ImageConfigs, EnvWorkingDirAndUserGiveWayToTheOptions) {
    const std::string config =
        R"({"Env":["A=image","B=two=2","PATH=/bin"],"WorkingDir":"/srv","User":"web","Cmd":["sh","-c","echo $A $B $PATH; pwd; id -u; id -g; echo $HOME"]})";
    EXPECT_EQ(run_of(config, {}, {}), "image two=2 /bin\n/srv\n33\n44\n/srv\n");
    EXPECT_EQ(run_of(config, {"-e", "A=mine", "-w", "/bin", "-u", "0"}, {}),
              "mine two=2 /bin\n/bin\n0\n0\n/\n");
    EXPECT_EQ(run_of(R"({"User":"5:6","Cmd":["sh","-c","id -u; id -g"]})", {}, {}), "5\n6\n");
}

TEST_F(ImageConfigs, StopSignalIsWhatEndsTheCommand) {
    const std::string config =
        R"({"StopSignal":"SIGUSR1","Cmd":["sh","-c","trap 'echo usr1; exit 3' USR1; trap 'echo term; exit 4' TERM; echo up; while :; do sleep 0.1; done"]})";
    Process process{sandbox_command({"run", "--network", "none", "-T", image(config)}), with_store({})};
    ASSERT_TRUE(process.wait_for_output("up\n"));
    process.signal(SIGTERM);
    const Result result = process.wait();
    EXPECT_EQ(result.out, "up\nusr1\n");
    EXPECT_EQ(result.status, 3);
    const Result timed = sandbox({"run", "--network", "none", "-T", "--timeout", "1", image(config)});
    EXPECT_EQ(timed.out, "up\nusr1\n");
    EXPECT_EQ(timed.status, 124);
}

TEST_F(ImageConfigs, ASingleIdRunsAnImageOfAnotherUserAsRootAndSaysSo) {
    const Result result = sandbox(
        {"run", "--network", "none", "--userns", "single", image(R"({"User":"web","Cmd":["id","-u"]})")});
    EXPECT_EQ(result.out, "0\n");
    EXPECT_TRUE(contains(result.err, "user web does not exist where one id is mapped")) << result.err;
}

} // namespace
} // namespace sandbox::test
