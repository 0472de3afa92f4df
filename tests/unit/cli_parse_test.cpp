// SPDX-License-Identifier: Apache-2.0
// Which words of a command line are options, which are IMAGE, and which are the command's.
#include "cli/cli.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::failure_of;
using test::refuses;

Invocation parse(const std::vector<std::string>& words, const std::string& directory = "/here") {
    return parse_invocation(words, {directory}, "");
}

std::string hint_of(const std::vector<std::string>& words) {
    return failure_of([&] { parse(words); }).hint;
}

using Words = std::vector<std::string>;

TEST(CommandLine, RunTakesImageAndCommand) {
    const auto invocation = parse({"run", "alpine.tar", "ls", "-l", "--color"});
    EXPECT_EQ(invocation.command, "run");
    EXPECT_EQ(invocation.spec.sandbox.image, "alpine.tar");
    EXPECT_EQ(invocation.spec.process.command, (Words{"ls", "-l", "--color"}));
    EXPECT_FALSE(invocation.spec.process.is_shell);
}

TEST(CommandLine, ADoubleDashMayStandBeforeTheCommandOrBeforeTheImage) {
    for (const Words& words :
         {Words{"run", "img", "--", "-x", "--y"}, Words{"run", "--", "img", "-x", "--y"}}) {
        const auto invocation = parse(words);
        EXPECT_EQ(invocation.spec.sandbox.image, "img");
        EXPECT_EQ(invocation.spec.process.command, (Words{"-x", "--y"}));
    }
}

TEST(CommandLine, ADoubleDashOfTheCommandsOwnIsKept) {
    EXPECT_EQ(parse({"run", "img", "cmd", "--", "x"}).spec.process.command, (Words{"cmd", "--", "x"}));
    EXPECT_EQ(parse({"run", "img", "--", "cmd", "--", "x"}).spec.process.command, (Words{"cmd", "--", "x"}));
}

TEST(CommandLine, WordsAfterTheImageAreNotOptions) {
    const auto invocation = parse({"run", "img", "--quiet", "-v"});
    EXPECT_EQ(invocation.log_level, LogLevel::warn);
    EXPECT_EQ(invocation.spec.process.command, (Words{"--quiet", "-v"}));
}

TEST(CommandLine, EmptyArgumentsOfTheCommandAreKept) {
    EXPECT_EQ(parse({"run", "img", "cmd", "", "--"}).spec.process.command, (Words{"cmd", "", "--"}));
}

TEST(CommandLine, OptionsMayStandBeforeAndAfterTheCommandsName) {
    const auto invocation = parse({"-q", "--root", "/store", "run", "--network=none", "img", "cmd"});
    EXPECT_EQ(invocation.log_level, LogLevel::error);
    EXPECT_EQ(invocation.root, "/store");
    EXPECT_EQ(invocation.spec.sandbox.network.kind, Network::none);
}

TEST(CommandLine, ARelativeStoreIsBelowTheWorkingDirectory) {
    EXPECT_EQ(parse({"run", "--root", "store", "img", "cmd"}).root, "/here/store");
}

TEST(CommandLine, ShellWithoutImageIsTheHosts) {
    EXPECT_EQ(parse({"shell"}).spec.sandbox.image, "host");
    EXPECT_TRUE(parse({"shell"}).spec.process.is_shell);
    EXPECT_EQ(parse({"shell", "img"}).spec.sandbox.image, "img");
}

TEST(CommandLine, ArgumentsOfAShellComeAfterADoubleDash) {
    EXPECT_EQ(parse({"shell", "img", "--", "-c", "id"}).spec.process.command, (Words{"-c", "id"}));
    EXPECT_EQ(parse({"shell", "--", "-l"}).spec.process.command, (Words{"-l"}));
    EXPECT_EQ(parse({"shell", "--", "-l"}).spec.sandbox.image, "host");
    EXPECT_TRUE(refuses([] { parse({"shell", "img", "ls"}); }, "shell ls"));
    EXPECT_TRUE(contains(hint_of({"shell", "img", "ls"}), "sandbox run img ls"));
}

TEST(CommandLine, RunNeedsAnImage) {
    EXPECT_TRUE(refuses([] { parse({"run"}); }, "run", "no image"));
    EXPECT_TRUE(refuses([] { parse({"run", "--"}); }, "run", "no image"));
    EXPECT_TRUE(refuses([] { parse({"run", "", "cmd"}); }, "run", "no image"));
}

TEST(CommandLine, WithoutACommandTheImagesOwnIsMeant) {
    EXPECT_TRUE(parse({"run", "img"}).spec.process.command.empty());
    EXPECT_TRUE(parse({"run", "img", "--"}).spec.process.command.empty());
}

TEST(CommandLine, CommandsOfTheStoreTakeWords) {
    EXPECT_EQ(parse({"import", "a.tar", "name:1"}).words, (Words{"a.tar", "name:1"}));
    EXPECT_EQ(parse({"import", "--name", "name", "-"}).image_name, "name");
    EXPECT_EQ(parse({"rmi", "a", "b"}).words, (Words{"a", "b"}));
    EXPECT_EQ(parse({"rmi", "--", "-a"}).words, (Words{"-a"}));
    EXPECT_TRUE(parse({"images", "--json"}).spec.json);
}

TEST(CommandLine, AnOptionOfAnotherCommandIsRefused) {
    EXPECT_TRUE(refuses([] { parse({"rmi", "--read-only", "a"}); }, "--read-only", "means nothing to rmi"));
    EXPECT_TRUE(refuses(
        [] {
            parse({"run", "--name", "a", "img", "ls"});
        },
        "--name", "means nothing to run"));
    EXPECT_TRUE(refuses([] { parse({"prune", "--json"}); }, "--json", "means nothing to prune"));
}

TEST(CommandLine, AnEntrypointComesBeforeTheCommandsWords) {
    EXPECT_EQ(parse({"run", "--entrypoint", "/bin/echo", "img", "a"}).spec.process.command,
              (Words{"/bin/echo", "a"}));
    EXPECT_EQ(parse({"run", "--entrypoint=/bin/date", "img"}).spec.process.command, (Words{"/bin/date"}));
}

// podman-run(1): --entrypoint "" unsets the image's.
TEST(CommandLine, AnEmptyEntrypointIsTaken) {
    for (const Words& words :
         {Words{"run", "--entrypoint", "", "img", "ls"}, Words{"run", "--entrypoint=", "img", "ls"}}) {
        Invocation invocation;
        const auto failure = failure_of([&] { invocation = parse(words); });
        EXPECT_FALSE(failure.thrown) << failure.message;
        EXPECT_EQ(invocation.spec.process.command, (Words{"ls"}));
    }
}

TEST(CommandLine, AnEmptyValueIsJudgedByItsOption) {
    EXPECT_TRUE(refuses([] { parse({"run", "--user", "", "img", "ls"}); }, "--user"));
    EXPECT_TRUE(refuses([] { parse({"run", "-e", "", "img", "ls"}); }, "--env"));
    EXPECT_TRUE(refuses([] { parse({"run", "--network=", "img", "ls"}); }, "--network"));
    const auto failure = failure_of([] { parse({"run", "--user=", "img", "ls"}); });
    EXPECT_FALSE(contains(failure.message, "command line")) << failure.message;
}

TEST(CommandLine, LettersMayBeBundled) {
    EXPECT_EQ(parse({"run", "-it", "img", "sh"}).spec.process.tty, TtyUse::yes);
    const auto invocation = parse({"run", "-qit", "img", "sh"});
    EXPECT_EQ(invocation.log_level, LogLevel::error);
    EXPECT_EQ(invocation.spec.process.tty, TtyUse::yes);
}

TEST(CommandLine, ALettersValueMayBePartOfItsWord) {
    for (const Words& words :
         {Words{"run", "-v/a:/b", "img", "sh"}, Words{"run", "-v", "/a:/b", "img", "sh"},
          Words{"run", "-iv/a:/b", "img", "sh"}, Words{"run", "-iv", "/a:/b", "img", "sh"},
          Words{"run", "--volume=/a:/b", "img", "sh"}, Words{"run", "--volume", "/a:/b", "img", "sh"}}) {
        const auto invocation = parse(words);
        ASSERT_EQ(invocation.spec.sandbox.mounts.size(), 1U);
        EXPECT_EQ(std::get<BindMount>(invocation.spec.sandbox.mounts[0]).target, "/b");
        EXPECT_EQ(invocation.spec.sandbox.image, "img");
    }
}

TEST(CommandLine, AValueMayLookLikeAnOption) {
    EXPECT_EQ(parse({"run", "--entrypoint", "--x", "img"}).spec.process.command, (Words{"--x"}));
    EXPECT_EQ(parse({"run", "--time-offset", "-5", "img", "x"}).spec.sandbox.time_offset, -5);
    EXPECT_EQ(parse({"run", "-e", "A=--b=c", "img", "x"}).spec.process.environment.at(0).value, "--b=c");
}

TEST(CommandLine, AMissingValueIsNamed) {
    EXPECT_TRUE(refuses([] { parse({"run", "--volume"}); }, "--volume", "needs a value"));
    EXPECT_TRUE(refuses([] { parse({"run", "-v"}); }, "--volume", "needs a value"));
}

TEST(CommandLine, ALoneHIsHelp) {
    EXPECT_EQ(parse({"-h"}).command, "help");
    for (const char* command : {"run", "build", "prune"}) {
        EXPECT_EQ(parse({command, "-h"}).command, "help");
        EXPECT_EQ(parse({command, "-h"}).topic, command);
    }
    EXPECT_EQ(parse({"run", "-h", "name", "img", "x"}).spec.sandbox.hostname, "name");
    EXPECT_EQ(parse({"help", "--help"}).topic, "");
}

TEST(CommandLine, AnExportsOptionsMayFollowItsImage) {
    const auto invocation = parse({"export", "img", "-o", "out.tar"});
    EXPECT_EQ(invocation.spec.sandbox.image, "img");
    EXPECT_EQ(invocation.output, "out.tar");
    EXPECT_TRUE(refuses([] { parse({"export", "img", "other"}); }, "export other", "one image at a time"));
}

TEST(CommandLine, HintsNameTheCommand) {
    EXPECT_TRUE(contains(failure_of([] { parse({"prune", "-Q"}); }).hint, "sandbox help prune"));
}

TEST(CommandLine, WorkspaceNeverSwallowsTheNextWord) {
    const test::TemporaryDirectory directory;
    directory.make_directory("work");
    const auto here = parse({"run", "--workspace", "img", "make"}, directory.path());
    EXPECT_EQ(here.spec.sandbox.image, "img");
    EXPECT_EQ(here.spec.process.working_directory, directory.path());
    const auto named = parse({"run", "--workspace=work", "img", "make"}, directory.path());
    EXPECT_EQ(named.spec.process.working_directory, directory.path() + "/work");
    const auto bind = std::get<BindMount>(named.spec.sandbox.mounts.at(0));
    EXPECT_EQ(bind.source, directory.path() + "/work");
    EXPECT_EQ(bind.target, bind.source);
    EXPECT_FALSE(bind.read_only);
}

TEST(CommandLine, AWorkspaceThatIsNoDirectoryIsRefused) {
    const test::TemporaryDirectory directory;
    directory.make_file("file", "");
    EXPECT_TRUE(refuses(
        [&] {
            parse({"run", "--workspace=file", "i", "c"}, directory.path());
        },
        "--workspace file", "not a directory"));
    EXPECT_TRUE(contains(failure_of([&] {
                             parse({"run", "--workspace=none", "i", "c"}, directory.path());
                         }).message,
                         "--workspace none"));
    EXPECT_TRUE(refuses([] { parse({"run", "--workspace=/", "i", "c"}); }, "--workspace"));
}

TEST(CommandLine, MountsKeepTheUsersOrder) {
    const auto mounts =
        parse({"run", "--tmpfs", "/a", "-v", "/x:/a/b", "--mount", "type=tmpfs,dst=/a/b/c", "img", "x"})
            .spec.sandbox.mounts;
    ASSERT_EQ(mounts.size(), 3U);
    EXPECT_EQ(std::get<TmpfsMount>(mounts[0]).target, "/a");
    EXPECT_EQ(std::get<BindMount>(mounts[1]).target, "/a/b");
    EXPECT_EQ(std::get<TmpfsMount>(mounts[2]).target, "/a/b/c");
}

TEST(CommandLine, TheLastOfTwoContraryOptionsWins) {
    EXPECT_EQ(parse({"run", "-t", "-T", "i", "c"}).spec.process.tty, TtyUse::no);
    EXPECT_EQ(parse({"run", "-T", "-t", "i", "c"}).spec.process.tty, TtyUse::yes);
    EXPECT_FALSE(parse({"run", "--init", "--no-init", "i", "c"}).spec.process.init);
    EXPECT_TRUE(parse({"run", "--no-http-proxy", "--http-proxy", "i", "c"}).spec.process.pass_proxies);
}

TEST(CommandLine, AnUnknownOptionBringsTheNearest) {
    EXPECT_TRUE(refuses([] { parse({"run", "--netwrok", "img", "x"}); }, "--netwrok", "no such option"));
    EXPECT_TRUE(contains(hint_of({"run", "--netwrok=none", "img", "x"}), "--network"));
    EXPECT_TRUE(contains(hint_of({"run", "--readonly", "img", "x"}), "--read-only"));
    EXPECT_TRUE(contains(hint_of({"run", "--frobnicate", "img", "x"}), "sandbox help run"));
}

TEST(CommandLine, NamesAreNotShortened) {
    EXPECT_TRUE(refuses([] { parse({"run", "--netw=none", "img", "x"}); }, "--netw"));
}

// One letter is near to every short name: "-z" has nothing to do with --tz.
TEST(CommandLine, AnUnknownLetterBringsNoGuess) {
    for (const char* word : {"-z", "-p", "-it0", "--="}) {
        EXPECT_FALSE(contains(hint_of({"run", word, "img", "x"}), "did you mean")) << word;
    }
    EXPECT_TRUE(refuses([] { parse({"run", "-iz", "img", "x"}); }, "-z"));
}

TEST(CommandLine, AnUnknownCommandIsNamed) {
    EXPECT_TRUE(refuses([] { parse({"rnu", "img"}); }, "rnu", "no such command"));
    EXPECT_FALSE(hint_of({"rnu"}).empty());
}

TEST(CommandLine, HelpIsFoundWhereverItStandsAmongOptions) {
    for (const Words& words : {Words{"--help", "run"}, Words{"run", "--help"}, Words{"run", "-q", "--help"},
                               Words{"help", "run"}}) {
        EXPECT_EQ(parse(words).command, "help");
        EXPECT_EQ(parse(words).topic, "run");
    }
    for (const Words& words : {Words{}, Words{"--help"}, Words{"help"}}) {
        EXPECT_EQ(parse(words).command, "help");
        EXPECT_EQ(parse(words).topic, "");
    }
    EXPECT_EQ(parse({"run", "img", "ls", "--help"}).command, "run");
}

TEST(CommandLine, VersionIsAnOption) {
    EXPECT_EQ(parse({"--version"}).command, "version");
}

TEST(CommandLine, BadValuesNameOptionAndValue) {
    const std::pair<const char*, const char*> bad[] = {
        {"--timeout", "soon"},   {"--kill-after", "-1"},        {"--preserve-fds", "1001"},
        {"--preserve-fds", "x"}, {"--time-offset", "1.5"},      {"--workdir", "relative"},
        {"--hostname", "a b"},   {"--userns", "full"},          {"--domain", "on"},
        {"--log-level", "loud"}, {"--tz", "../etc/shadow"},     {"--tz", "/etc/shadow"},
        {"--network", "bridge"}, {"--storage", "zfs"},          {"--upper", "ram"},
        {"--home", "no"},        {"--share", "user"},           {"--volume", "x"},
        {"--tmpfs", "t"},        {"--mount", "type=nfs,dst=/x"}};
    for (const auto& [option, value] : bad) {
        const std::vector<std::string> words{"run", option, value, "img", "x"};
        EXPECT_TRUE(refuses([&] { parse(words); }, option, value)) << option;
    }
}

TEST(CommandLine, AMissingEnvFileIsNamedWithItsOption) {
    const auto failure = failure_of([] { parse({"run", "--env-file", "/nonexistent", "img", "x"}); });
    EXPECT_TRUE(contains(failure.message, "--env-file /nonexistent")) << failure.message;
}

} // namespace
} // namespace sandbox
