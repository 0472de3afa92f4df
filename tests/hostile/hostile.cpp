// SPDX-License-Identifier: Apache-2.0
// Imports by `sandbox export`, which stops where a run would begin.
#include "hostile.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>

namespace sandbox::test {

namespace fs = std::filesystem;

namespace {

/// Of any process that a test started: the decoder's window, 64 MB and what the programs themselves take.
constexpr long most_memory_kb = 256L << 10;

constexpr unsigned secret_mode = 0640;

} // namespace

void Hostile::SetUp() {
    // Thousands of directories made and removed are no work for a disk.
    if (::access("/dev/shm", W_OK) == 0) {
        (void)::setenv("TMPDIR", "/dev/shm", 0);
    }
    SandboxTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
        return;
    }
    fs::create_directory(outside());
    write_text(outside() / "secret", "unchanged", secret_mode);
}

void Hostile::TearDown() {
    if (!IsSkipped() && !HasFatalFailure()) {
        expect_outside_unchanged();
#if !defined(__SANITIZE_ADDRESS__)
        rusage usage{};
        EXPECT_EQ(::getrusage(RUSAGE_CHILDREN, &usage), 0);
        EXPECT_LT(usage.ru_maxrss, most_memory_kb);
#endif
    }
    SandboxTest::TearDown();
}

void Hostile::expect_outside_unchanged() const {
    EXPECT_EQ(read_text(outside() / "secret"), "unchanged");
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator{outside()}) {
        EXPECT_EQ(entry.path().filename(), "secret") << "made outside of the target";
        ++files;
    }
    EXPECT_EQ(files, 1U);
    struct stat status {};
    EXPECT_EQ(::stat((outside() / "secret").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, secret_mode);
    EXPECT_EQ(status.st_nlink, 1U);
    for (const fs::path& path : {outside(), outside() / "secret"}) {
        EXPECT_LE(::listxattr(path.c_str(), nullptr, 0), 0) << path;
    }
}

Result Hostile::import_file(const fs::path& file, const Arguments& options) {
    Arguments arguments{"export", "-o", "/dev/null"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.push_back(file);
    return sandbox(arguments);
}

Result Hostile::import(const std::string& entries, const Arguments& options) {
    write_text(scratch() / "hostile.tar", raw_header({.name = "bin/", .type = '5'}) + entries + end_marker());
    return import_file(scratch() / "hostile.tar", options);
}

void Hostile::expect_refused(const std::string& entries, const std::string& object,
                             const std::string& reason) {
    const auto before = trees();
    expect_failure(import(entries), 125, object, reason);
    EXPECT_EQ(trees(), before) << "a half image";
}

void Hostile::expect_taken(const std::string& entries, const Arguments& options) {
    const Result result = import(entries, options);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(trees().size(), 1U);
}

void Hostile::expect_safe_end(const Result& result) {
    EXPECT_EQ(result.signal, 0);
    EXPECT_FALSE(contains(result.err, "was killed")) << result.err;
    EXPECT_FALSE(contains(result.err, "ended with status")) << result.err;
    if (result.status != 0) {
        EXPECT_EQ(result.status, 125) << result.err;
        EXPECT_TRUE(result.err.starts_with("sandbox: ")) << result.err;
    }
}

std::vector<fs::path> Hostile::trees() const {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (const auto& layer : fs::directory_iterator{store() / "layers", ignored}) {
        for (const auto& kind : fs::directory_iterator{layer.path()}) {
            found.push_back(kind.path() / "root");
        }
    }
    return found;
}

fs::path Hostile::in_tree(const std::string& path) const {
    const auto all = trees();
    return all.size() == 1 ? all.front() / path : fs::path{"/nonexistent"};
}

std::string Hostile::stat_of(const std::string& path, const std::string& format) const {
    return trimmed(run({"unshare", "--user", "--map-root-user", "--map-auto", "--", "stat", "-c", format,
                        in_tree(path).string()})
                       .out);
}

} // namespace sandbox::test
