// SPDX-License-Identifier: Apache-2.0
// Bad input from the user: one clear line, a hint, exit 125, nothing left behind.
#include <sys/stat.h>
#include <unistd.h>

#include "archive.hpp"
#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class BadInput : public SandboxTest {
  protected:
    void TearDown() override {
        if (!busybox().empty() && fs::exists(store() / "layers")) {
            for (const auto& layer : fs::directory_iterator{store() / "layers"}) {
                if (!expects_image_) {
                    ADD_FAILURE() << "an image was made of bad input: " << layer.path();
                }
            }
        }
        SandboxTest::TearDown();
    }
    bool expects_image_ = false;

    /// An ELF header of another machine. elf(5).
    static std::string foreign_program(char machine) {
        std::string bytes = busybox_binary().substr(0, 4096);
        bytes[18] = machine;
        bytes[19] = 0;
        return bytes;
    }
};

using BadOption = BadInput;

} // namespace

TEST_F(BadInput, NoSuchFile) {
    expect_failure(sandbox({"run", scratch() / "none.tar", "true"}), 125, "none.tar", "no such image",
                   "hint: ");
}

TEST_F(BadInput, ADirectoryThatIsNoRoot) {
    fs::create_directory(scratch() / "dir");
    expect_failure(sandbox({"run", scratch() / "dir", "true"}), 125, "dir", "no root file system", "hint: ");
}

TEST_F(BadInput, ADirectoryThatCannotBeLookedInto) {
    const std::string directory = (scratch() / "closed").string();
    std::filesystem::create_directory(directory);
    std::filesystem::permissions(directory, std::filesystem::perms::none);
    expect_failure(sandbox({"run", directory, "true"}), 125, directory, "Permission denied");
}

TEST_F(BadInput, NotAnArchive) {
    write_text(scratch() / "note.txt", "This is a letter, and no archive at all.\n");
    expect_failure(sandbox({"run", scratch() / "note.txt", "true"}), 125, "note.txt", "not a tar archive");
}

TEST_F(BadInput, AnEmptyFile) {
    write_text(scratch() / "empty.tar", "");
    expect_failure(sandbox({"run", scratch() / "empty.tar", "true"}), 125, "empty.tar");
}

TEST_F(BadInput, AnArchiveOfNoRoot) {
    write_text(scratch() / "sources.tar", make_archive({{"README", "hello"}, {"main.c", "int main;"}}));
    expect_failure(sandbox({"run", scratch() / "sources.tar", "true"}), 125, "sources.tar", "");
}

TEST_F(BadInput, ATruncatedArchive) {
    const std::string whole = read_text(busybox());
    for (const std::size_t size : {std::size_t{700}, whole.size() / 3, whole.size() / 2}) {
        write_text(scratch() / "cut.tar", whole.substr(0, size));
        expect_failure(sandbox({"run", scratch() / "cut.tar", "true"}), 125, "cut.tar", "");
    }
}

TEST_F(BadInput, ATruncatedCompressedArchive) {
    REQUIRE_IMAGE(image, "alpine-minirootfs-3.20.3-x86_64.tar.gz");
    const std::string whole = read_text(image);
    write_text(scratch() / "cut.tar.gz", whole.substr(0, whole.size() / 2));
    expect_failure(sandbox({"run", scratch() / "cut.tar.gz", "true"}), 125, "cut.tar.gz", "truncated");
}

TEST_F(BadInput, ADamagedCompressedArchive) {
    REQUIRE_IMAGE(image, "alpine-minirootfs-3.20.3-x86_64.tar.gz");
    std::string whole = read_text(image);
    for (std::size_t i = 0; i < 64; ++i) {
        whole[whole.size() / 2 + i] = static_cast<char>(~whole[whole.size() / 2 + i]);
    }
    write_text(scratch() / "bad.tar.gz", whole);
    expect_failure(sandbox({"run", scratch() / "bad.tar.gz", "true"}), 125, "bad.tar.gz");
}

TEST_F(BadInput, AnArchiveThatClimbsOutStaysInside) {
    write_text(scratch() / "climb.tar",
               make_archive({{"bin/", "", '5'},
                             {"bin/sh", "x"},
                             {"../../../../../../../../../.." + scratch().string() + "/out", "x"}}));
    (void)sandbox({"run", scratch() / "climb.tar", "true"});
    EXPECT_FALSE(fs::exists(scratch() / "out"));
    expects_image_ = true; // refused or kept inside are both right
    store_is_checked_ = false;
}

TEST_F(BadInput, AProgramOfAnotherArchitectureIsNamed) {
    expects_image_ = true;
    const std::string image =
        write_image(scratch() / "arm.tar", {{"bin/arm", foreign_program(static_cast<char>(0xb7))}});
    const Result result = sandbox({"run", image, "/bin/arm"});
    expect_failure(result, 126, "/bin/arm", "aarch64", "qemu");
}

TEST_F(BadInput, AWholeImageOfAnotherArchitectureIsNamed) {
    expects_image_ = true;
    const std::string image =
        write_image(scratch() / "arm.tar", {{"bin/busybox", foreign_program(static_cast<char>(0xb7))}});
    expect_failure(sandbox({"shell", image}), 126, "", "aarch64", "binfmt");
}

TEST_F(BadInput, NoShellInTheImage) {
    expects_image_ = true;
    write_text(scratch() / "bare.tar", make_archive({{"bin/", "", '5'}, {"bin/busybox", busybox_binary()}}));
    expect_failure(sandbox({"shell", scratch() / "bare.tar"}), 125, "bare.tar", "no shell", "hint: ");
}

TEST_F(BadInput, AMissingInterpreterIsNotAMissingCommand) {
    expects_image_ = true;
    const std::string image =
        write_image(scratch() / "i.tar", {{"bin/script", "#!/bin/missing-interpreter\n"}});
    expect_failure(sandbox({"run", image, "script"}), 127, "script", "interpreter");
}

TEST_F(BadInput, UnknownUser) {
    expects_image_ = true;
    expect_failure(script("true", {"-u", "nobody-of-that-name"}), 125, "--user nobody-of-that-name",
                   "no user", "hint: ");
}

TEST_F(BadInput, UnknownGroup) {
    expects_image_ = true;
    expect_failure(script("true", {"-u", "root:no-such-group"}), 125, "no-such-group", "no group");
}

TEST_F(BadInput, AUserBeyondTheRange) {
    expects_image_ = true;
    expect_failure(script("true", {"-u", "4000000000"}), 125, "--user", "4000000000");
}

TEST_F(BadInput, AUserNumberTooLarge) {
    expects_image_ = true;
    expect_failure(script("true", {"-u", "4294967295"}), 125, "--user 4294967295");
}

TEST_F(BadInput, AWorkdirThatIsNotThere) {
    expects_image_ = true;
    const Result result = script("true", {"-w", "/no/such/dir"});
    if (result.status != 0) { // podman makes it; a clear message is right too
        expect_failure(result, 125, "/no/such/dir");
    }
}

TEST_F(BadInput, LinksInPlaceOfProcSysAndDevAreRefused) {
    expects_image_ = true;
    for (const char* place : {"proc", "sys", "dev"}) {
        const std::string image = write_image(
            scratch() / "evil.tar", {{.name = place, .type = '2', .link = "/etc"}, {"etc/", "", '5'}});
        expect_failure(sandbox({"run", image, "true"}), 125, std::string{"/"} + place, "symbolic link");
    }
}

TEST_F(BadInput, FilesInPlaceOfProcSysAndDevAreRefused) {
    expects_image_ = true;
    for (const char* place : {"proc", "sys", "dev"}) {
        const std::string image = write_image(scratch() / "evil.tar", {{place, "a file"}});
        expect_failure(sandbox({"run", image, "true"}), 125, std::string{"/"} + place);
    }
}

TEST_F(BadOption, Volume) {
    expect_failure(script("true", {"-v", "nothing"}), 125, "--volume nothing", "SRC:DST", "hint: ");
    expect_failure(script("true", {"-v", "/tmp:relative"}), 125, "--volume /tmp:relative", "absolute");
    expect_failure(script("true", {"-v", "/tmp:/x:sideways"}), 125, "--volume", "sideways", "hint: ");
    expect_failure(script("true", {"-v", "/tmp:/"}), 125, "--volume /tmp:/", "root");
    expect_failure(script("true", {"-v", "/no/such/source:/x"}), 125, "--volume /no/such/source:/x",
                   "No such file");
}

TEST_F(BadOption, Mount) {
    expect_failure(script("true", {"--mount", "type=magic,dst=/x"}), 125, "--mount", "bind or tmpfs");
    expect_failure(script("true", {"--mount", "type=bind,dst=/x"}), 125, "--mount", "src=");
    expect_failure(script("true", {"--mount", "type=bind,src=/,dst=x"}), 125, "--mount", "absolute");
}

TEST_F(BadOption, Tmpfs) {
    expect_failure(script("true", {"--tmpfs", "/x:size=big"}), 125, "--tmpfs", "size");
    expect_failure(script("true", {"--tmpfs", "/x:mode=rwx"}), 125, "--tmpfs", "mode");
    expect_failure(script("true", {"--tmpfs", "x"}), 125, "--tmpfs x", "absolute");
}

TEST_F(BadOption, EnvFile) {
    expect_failure(script("true", {"--env-file", scratch() / "missing"}), 125, "--env-file", "missing");
    write_text(scratch() / "env", "GOOD=1\n=bad\n");
    expect_failure(script("true", {"--env-file", scratch() / "env"}), 125, "env:2", "");
}

TEST_F(BadOption, Env) {
    expect_failure(script("true", {"-e", "=value"}), 125, "--env");
}

TEST_F(BadOption, Timeout) {
    for (const char* value : {"soon", "-1", "5x", ""}) {
        expect_failure(script("true", {"--timeout", value}), 125, "--timeout", "", "hint: ");
    }
}

TEST_F(BadOption, Choices) {
    for (const char* option :
         {"--network", "--userns", "--storage", "--upper", "--share", "--home", "--domain", "--log-level"}) {
        expect_failure(script("true", {option, "wrong"}), 125, option, "", "it takes one of: ");
    }
}

TEST_F(BadOption, UnknownOnesAreAnsweredWithTheNearest) {
    expect_failure(script("true", {"--netwrok", "none"}), 125, "--netwrok", "no such option",
                   "did you mean --network?");
    expect_failure(script("true", {"-Q"}), 125, "-Q", "no such option");
}

TEST_F(BadOption, BehindTheImageIsToldToComeBeforeIt) {
    expect_failure(sandbox({"run", "host", "--network", "none", "ls"}), 127, "--network",
                   "command not found in the sandbox", "options come before IMAGE");
}

TEST_F(BadOption, AnAddressOfTheWebIsNoHost) {
    expect_failure(script("true", {"--allow", "http://example.org"}), 125, "--allow http://example.org",
                   "this is a URL");
}

TEST_F(BadOption, WhatNeedsANetworkNamesTheOptionThatMakesOne) {
    expect_failure(script("true", {"--network", "none", "-p", "18111:80"}), 125, "--publish",
                   "there is no network", "--network slirp makes one");
}

TEST_F(BadOption, AMissingValue) {
    expect_failure(sandbox({"run", "--volume"}), 125, "--volume", "needs a value");
}

TEST_F(BadOption, Hostname) {
    expect_failure(script("true", {"-h", "no spaces here"}), 125, "--hostname", "not a host name");
    expect_failure(script("true", {"-h", std::string(65, 'a')}), 125, "--hostname");
    expect_failure(script("true", {"-h", std::string(64, 'a')}), 125, "--hostname", "", "63 between dots");
}

TEST_F(BadOption, Workdir) {
    expect_failure(script("true", {"-w", "relative"}), 125, "--workdir relative");
}

TEST_F(BadOption, TimeZone) {
    expect_failure(script("true", {"--tz", "../../etc/passwd"}), 125, "--tz");
    expects_image_ = true;
    expect_failure(script("true", {"--tz", "Nowhere/Land"}), 125, "--tz Nowhere/Land");
}

TEST_F(BadOption, Config) {
    expect_failure(script("true", {"--config", scratch() / "missing"}), 125, "missing");
    write_text(scratch() / "conf", "hostname = ok\nnonsense = 1\n");
    expect_failure(script("true", {"--config", scratch() / "conf"}), 125, "conf", "nonsense");
}

TEST_F(BadOption, NumbersOutOfRange) {
    expect_failure(script("true", {"--preserve-fds", "many"}), 125, "--preserve-fds many");
    expect_failure(script("true", {"--time-offset", "later"}), 125, "--time-offset later");
    expect_failure(script("true", {"--preserve-fds", "99999999999999999999"}), 125, "--preserve-fds");
}

TEST_F(BadOption, CombinationsThatMakeNoSense) {
    expect_failure(script("true", {"--share", "time", "--time-offset", "5"}), 125, "--time-offset");
    expect_failure(script("true", {"--share", "uts", "-h", "name"}), 125, "--hostname");
    expect_failure(script("true", {"--upper", "tmpfs", "--storage", "copy"}), 125, "--upper");
}

TEST_F(BadOption, NoImageAndNoSuchCommand) {
    expect_failure(sandbox({"run"}), 125, "run", "no image", "hint: ");
    expect_failure(sandbox({"walk"}), 125, "walk", "no such command", "hint: ");
    expect_failure(sandbox({"shell", busybox(), "ls"}), 125, "ls", "", "hint: ");
}

TEST_F(BadOption, ControlCharactersAreNotSentToTheTerminal) {
    const Result result = sandbox({"run", "no\x1b[31msuch\nimage", "true"});
    EXPECT_EQ(result.status, 125);
    EXPECT_FALSE(contains(result.err, "\x1b")) << result.err;
    EXPECT_LE(lines_of(result.err).size(), 2U) << result.err;
}
