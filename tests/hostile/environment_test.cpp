// SPDX-License-Identifier: Apache-2.0
// Rows "Environment and config", "Store", "Ids", "Cgroup": what a caller has about him, and what an image
// says of itself.
#include <sys/stat.h>
#include <unistd.h>

#include "harness.hpp"
#include "image_archive.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class EnvironmentHostile : public SandboxTest {
  protected:
    /// docker's archive of one layer, with `config` as its "config" member.
    std::string image(const std::string& config) {
        const ImageParts parts{
            {base_layer({{"etc/", "", '5'}, {"etc/passwd", "web:x:33:44::/:/bin/sh\n"}})}, {}, config};
        write_text(scratch() / "image.tar", tar_of(docker_archive(parts)));
        return scratch() / "image.tar";
    }

    /// The import of an OCI layout whose files are these, as an archive.
    Result import_of(const Files& files) {
        write_text(scratch() / "layout.tar", tar_of(files));
        return sandbox({"import", scratch() / "layout.tar", "name"});
    }
};

class StoreHostile : public EnvironmentHostile {};
class IdsHostile : public SandboxTest {};
class CgroupHostile : public SandboxTest {};

constexpr const char* secret = "hunter2-of-the-host";

} // namespace

// --- row "Environment and config" ---

TEST_F(EnvironmentHostile, Cve2021_3602_NothingOfTheCallersIsInAnyProcessInside) {
    RunOptions options;
    options.environment = {{"CALLERS_SECRET", secret}, {"LD_PRELOAD", "/" + std::string{secret}},
                           {"BASH_ENV", secret},       {"SSH_AUTH_SOCK", secret},
                           {"SHELL", secret},          {"PWD", secret},
                           {"XDG_SESSION_ID", secret}, {"TMPDIR", std::nullopt}};
    const std::string look =
        "env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null; find / -xdev -name '*hunter2*' 2>/dev/null";
    for (const Arguments& more : {Arguments{}, Arguments{"--no-init"}, Arguments{"-u", "nobody"},
                                  Arguments{"--userns", "single"}, Arguments{"--userns", "keep-id"}}) {
        Arguments all{"--network", "none"};
        all.insert(all.end(), more.begin(), more.end());
        const Result result = script(look, all, options);
        EXPECT_FALSE(contains(result.out, secret)) << result.out;
        EXPECT_TRUE(contains(result.out, "PATH=")) << result.out;
    }
}

TEST_F(EnvironmentHostile, TheHostsRootGetsNoSessionOfTheCallers) {
    RunOptions options;
    options.environment = {{"SSH_AUTH_SOCK", secret},
                           {"DBUS_SESSION_BUS_ADDRESS", secret},
                           {"XDG_RUNTIME_DIR", std::nullopt},
                           {"WAYLAND_DISPLAY", secret},
                           {"XAUTHORITY", secret}};
    const Result result = sandbox({"run", "--network", "none", "host", "env"}, options);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_FALSE(contains(result.out, secret)) << result.out;
}

TEST_F(EnvironmentHostile, AnImagesConfigIsNoOptions) {
    // Each word looks like one of ours; all are a program's words, a user's name, a directory, a variable.
    write_text(scratch() / "secret", secret);
    const std::string volume = "--volume=" + scratch().string() + ":/stolen";
    const std::string entry =
        image(R"({"Entrypoint":[")" + volume + R"(","--network=host"],"Cmd":["ls","/stolen"]})");
    const Result as_command = sandbox({"run", "--network", "none", entry});
    EXPECT_EQ(as_command.status, 127) << as_command.out;
    EXPECT_TRUE(contains(as_command.err, volume)) << as_command.err;

    const std::string shell = R"("Cmd":["sh","-c","ls -d /stolen; env; ip link | grep -c mtu"])";
    const Result as_variable = sandbox(
        {"run", "--network", "none",
         image(R"({"Env":[")" + volume + R"(=x","--network=host","-e=CALLERS_SECRET"],)" + shell + "}")},
        {.environment = {{"CALLERS_SECRET", secret}}});
    EXPECT_FALSE(contains(as_variable.out, secret)) << as_variable.out;
    EXPECT_FALSE(contains(as_variable.out, "\n/stolen\n")) << as_variable.out;
    EXPECT_TRUE(as_variable.out.ends_with("\n1\n")) << "a host's network: " << as_variable.out;

    for (const std::string& member :
         {R"("User":")" + volume + "\"", std::string{R"("User":"--privileged")"}}) {
        const Result result = sandbox({"run", "--network", "none", image("{" + member + "," + shell + "}")});
        EXPECT_EQ(result.status, 125) << member << result.out;
        EXPECT_EQ(result.out, "") << member;
    }
    // A directory of that name is made inside, as any other.
    for (const std::string& directory : {volume, std::string{"-v"}}) {
        const Result result = sandbox(
            {"run", "--network", "none", image(R"({"WorkingDir":")" + directory + R"(",)" + shell + "}")});
        EXPECT_TRUE(contains(result.out, "PWD=/" + directory)) << result.out;
        EXPECT_FALSE(contains(result.out, "\n/stolen\n")) << result.out;
    }
}

TEST_F(EnvironmentHostile, AnImagesVariablesDoNotSteerSandboxItself) {
    // A dynamic loader's, a library's, ours: they are for the command alone.
    const std::string config =
        R"({"Env":["SANDBOX_ROOT=/x","LD_PRELOAD=/x","GCONV_PATH=/x","LISTEN_FDS=9","PATH=/bin"],"Cmd":["sh","-c","echo $SANDBOX_ROOT"]})";
    const Result result = sandbox({"run", "--network", "none", image(config)});
    EXPECT_EQ(result.out, "/x\n") << result.err;
    EXPECT_EQ(sandbox({"images"}).status, 0);
    EXPECT_FALSE(fs::exists("/x"));
}

TEST_F(EnvironmentHostile, AConfigFileInTheWorkingDirectoryIsNeverRead) {
    RunOptions options;
    options.directory = scratch();
    for (const char* name : {"sandbox.conf", ".sandbox.conf", "sandbox/sandbox.conf",
                             ".config/sandbox/sandbox.conf", ".env", "Containerfile"}) {
        fs::create_directories((scratch() / name).parent_path());
        write_text(scratch() / name, "hostname = planted\nvolume = " + scratch().string() + ":/stolen\n");
    }
    const std::string look = "hostname; ls -d /stolen";
    EXPECT_EQ(script(look, {"--network", "none"}, options).out, "sandbox\n");
    // A relative base directory means nothing: basedir specification, "All paths must be absolute".
    options.environment = {{"XDG_CONFIG_HOME", "."}, {"HOME", std::nullopt}};
    EXPECT_EQ(script(look, {"--network", "none"}, options).out, "sandbox\n");
}

// --- row "Store" ---

TEST_F(StoreHostile, NamesTagsAndDigestsAreNoPaths) {
    const ImageParts parts{{base_layer()}, {}, "{}"};
    const std::string out = "sha256:../../../../../../" + (scratch() / "planted").string();
    for (const std::string& digest : {out, std::string{"../../x"}, "sha256:" + std::string(64, '/'),
                                      "sha256:" + std::string(64, 'G'), "sha256:" + std::string(63, 'a'),
                                      "sha256:" + std::string(64, 'a') + "/../x", std::string{"sha256:"}}) {
        Files files = oci_layout(parts);
        files["index.json"] = R"({"manifests":[{"digest":")" + digest + R"(","size":7}]})";
        const Result result = import_of(files);
        EXPECT_EQ(result.status, 125) << digest << result.out;
    }
    for (const std::string& tag :
         {std::string{"../../../planted:1"}, std::string{"a:../../planted"}, std::string{"/etc/x:1"},
          std::string{".."}, "a/" + std::string(300, 'b') + ":1"}) {
        write_text(scratch() / "tagged.tar", tar_of(docker_archive(parts, tag)));
        const Result result = sandbox({"import", scratch() / "tagged.tar"});
        EXPECT_TRUE(result.status == 125 || result.status == 0) << tag << result.err;
    }
    for (const auto& entry : fs::recursive_directory_iterator{store() / "names"}) {
        EXPECT_TRUE(entry.is_regular_file() || entry.is_symlink()) << entry.path();
        EXPECT_FALSE(contains(entry.path(), "planted")) << entry.path();
    }
    for (const auto& entry : fs::directory_iterator{scratch()}) {
        EXPECT_FALSE(contains(entry.path().filename(), "planted")) << entry.path();
    }
}

TEST_F(StoreHostile, NobodyElseReachesAnything) {
    // Whatever the umask, and before anything of the image is in it.
    RunOptions options;
    options.in_child = [] { ::umask(0); };
    ASSERT_EQ(script("true", {"--network", "none"}, options).status, 0);
    struct stat status {};
    ASSERT_EQ(::stat(store().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
    EXPECT_EQ(status.st_uid, ::geteuid());
    // A stranger: one of our sub-ids, without power over ours. Only the store's own mode is in the way.
    REQUIRE_PROGRAM("setpriv");
    ASSERT_EQ(::chmod(scratch().c_str(), 0755), 0);
    write_text(scratch() / "open", "readable\n");
    const auto stranger = [](const Arguments& command) {
        Arguments all{"unshare", "--user",  "--map-auto", "--map-root-user", "setpriv",        "--reuid",
                      "1",       "--regid", "1",          "--clear-groups",  "--inh-caps=-all"};
        all.insert(all.end(), command.begin(), command.end());
        return run(all);
    };
    ASSERT_EQ(stranger({"cat", scratch() / "open"}).out, "readable\n");
    EXPECT_TRUE(contains(stranger({"ls", store()}).err, "Permission denied"));
    for (const char* part : {"layers", "runs", "tmp", "images", "names"}) {
        EXPECT_NE(stranger({"ls", store() / part}).status, 0) << part;
        EXPECT_NE(stranger({"touch", store() / part / "planted"}).status, 0) << part;
    }
    for (const mode_t mode : {0750U, 0701U, 0770U, 0777U}) {
        ASSERT_EQ(::chmod(store().c_str(), mode), 0);
        expect_failure(script("true", {"--network", "none"}), 125, store(), "open to other users");
    }
    ASSERT_EQ(::chmod(store().c_str(), 0700), 0);
}

// --- row "Ids" ---

TEST_F(IdsHostile, Cve2026_30892_ANumberIsThatIdAndNoOther) {
    for (const char* number : {"1", "2", "10", "33", "65534"}) {
        const std::string id = number;
        EXPECT_EQ(script("id -u; id -g", {"--network", "none", "-u", id + ":" + id}).out,
                  id + "\n" + id + "\n");
        EXPECT_TRUE(script("id -u", {"--network", "none", "-u", id}).out == id + "\n") << id;
    }
}

// --- row "Cgroup" ---

TEST_F(CgroupHostile, Cve2023_25809_NoCgroupOfTheHostsCanBeWritten) {
    const std::string look =
        "for d in /sys/fs/cgroup /sys/fs/cgroup/unified $(find /sys/fs/cgroup -maxdepth 3 -type d "
        "2>/dev/null); do for f in cgroup.procs release_agent notify_on_release memory.max; do "
        "echo $$ 2>/dev/null >$d/$f && echo written $d/$f; done; "
        "mkdir $d/planted 2>/dev/null && echo made $d/planted; done; echo looked";
    for (const Arguments& more :
         {Arguments{}, Arguments{"--share", "cgroup"}, Arguments{"--userns", "keep-id"},
          Arguments{"--share", "pid"}, Arguments{"--network", "host"},
          Arguments{"--cap-add", "all", "--seccomp", "unconfined"}}) {
        const Result result = script(look, more);
        EXPECT_EQ(result.out, "looked\n") << ::testing::PrintToString(more) << result.err;
    }
    const Result host = sandbox({"run", "--network", "none", "host", "sh", "-c", look});
    EXPECT_EQ(host.out, "looked\n") << host.err;
}
