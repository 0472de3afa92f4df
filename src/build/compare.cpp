// SPDX-License-Identifier: Apache-2.0
// Two lists of outputs side by side.
#include "build/compare.hpp"

#include <algorithm>
#include <cstdio>

#include "build/betrayal.hpp"
#include "build/directory.hpp"
#include "build/file_content.hpp"
#include "linux/own_file.hpp"

namespace sandbox {

namespace {

constexpr std::size_t window = 256; ///< bytes on each side of a difference that are looked at

UniqueFd open_output(const ComparedBuild& build, const std::string& path) {
    return open_own_file(open_below(build.upper, parent_of(path)).get(), name_of(path));
}

std::string link_of(const ComparedBuild& build, const std::string& path) {
    return link_at(open_below(build.upper, parent_of(path)).get(), name_of(path), path);
}

const char* kind_name(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::file:
            return "a file";
        case ChangeKind::symlink:
            return "a symbolic link";
        case ChangeKind::directory:
            return "a directory";
        case ChangeKind::removed:
            return "removed";
        case ChangeKind::special:
            return "a special file";
    }
    return "";
}

std::string octal(mode_t mode) {
    char text[16];
    (void)std::snprintf(text, sizeof text, "%04o", mode);
    return text;
}

class Comparison {
  public:
    Comparison(const ComparedBuild& first, const ComparedBuild& second, const Checkpoint& checkpoint)
        : first_(first), second_(second), checkpoint_(checkpoint), betrayal_(first, second) {}

    std::vector<Difference> run() {
        auto one = first_.outputs.begin();
        auto two = second_.outputs.begin();
        const auto by_path = [](const Change& a, const Change& b) { return a.path < b.path; };
        while (one != first_.outputs.end() || two != second_.outputs.end()) {
            if (two == second_.outputs.end() || (one != first_.outputs.end() && by_path(*one, *two))) {
                add_lone(one++->path, "only in the first build");
            } else if (one == first_.outputs.end() || by_path(*two, *one)) {
                add_lone(two++->path, "only in the second build");
            } else {
                compare(*one++, *two++);
            }
        }
        return std::move(differences_);
    }

  private:
    void add(const std::string& path, std::string what, std::string betrays) {
        differences_.push_back({path, std::move(what), std::move(betrays)});
    }

    void add_lone(const std::string& path, const char* what) { add(path, what, betrayal_.of_name(path)); }

    void compare(const Change& one, const Change& two) {
        if (one.kind != two.kind) {
            add(one.path,
                std::string{kind_name(one.kind)} + " in the first build, " + kind_name(two.kind) +
                    " in the second",
                "");
            return;
        }
        if (one.kind == ChangeKind::symlink) {
            compare_text(one.path, "points elsewhere", link_of(first_, one.path), link_of(second_, two.path));
        } else if (one.kind == ChangeKind::file) {
            compare_files(one.path);
        }
        // What the umask takes away is no difference: outside of a check it is always the same.
        const mode_t umasks = first_.world.umask ^ second_.world.umask;
        const bool has_mode = one.kind == ChangeKind::file || one.kind == ChangeKind::directory;
        if (has_mode && ((one.mode ^ two.mode) & ~umasks) != 0) {
            add(one.path, "mode " + octal(one.mode) + ", " + octal(two.mode), "");
        }
    }

    void compare_text(const std::string& path, const char* what, const std::string& a, const std::string& b) {
        if (a != b) {
            const auto at = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
            add(path, what, betrayal_.of_content({a, b, static_cast<std::size_t>(at), a, b}));
        }
    }

    void compare_files(const std::string& path) {
        const UniqueFd a = open_output(first_, path);
        const UniqueFd b = open_output(second_, path);
        const auto offset = first_difference(a.get(), b.get(), path, checkpoint_);
        if (!offset) {
            return;
        }
        constexpr std::size_t most = 1 << 20; // of a list whose order is looked at
        const std::uint64_t begin = *offset - std::min<std::uint64_t>(*offset, window);
        const auto both_at = [&](std::uint64_t at, std::size_t size) {
            return std::pair{read_at(a.get(), at, size, path), read_at(b.get(), at, size, path)};
        };
        const auto [left, right] = both_at(begin, 2 * window);
        const auto [left_begin, right_begin] = both_at(0, most);
        const ContentDifference content{left, right, static_cast<std::size_t>(*offset - begin), left_begin,
                                        right_begin};
        add(path, "differs from byte " + std::to_string(*offset) + " on", betrayal_.of_content(content));
    }

    const ComparedBuild& first_;
    const ComparedBuild& second_;
    const Checkpoint& checkpoint_;
    Betrayal betrayal_;
    std::vector<Difference> differences_;
};

} // namespace

std::vector<Difference> compare_builds(const ComparedBuild& first, const ComparedBuild& second,
                                       const Checkpoint& checkpoint) {
    return Comparison{first, second, checkpoint}.run();
}

} // namespace sandbox
