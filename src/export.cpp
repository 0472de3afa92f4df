// SPDX-License-Identifier: Apache-2.0
// `sandbox export`: the image as `run` would find it, then a tar of it, in place only when it is whole.
#include "export.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "base/error.hpp"
#include "host/host_facts.hpp"
#include "idmap/mapping.hpp"
#include "image/export.hpp"
#include "image/image.hpp"
#include "image/store.hpp"
#include "start.hpp"

namespace sandbox {

namespace {

std::string variable(const Environment& environment, const char* name) {
    const std::string* value = environment.find(name);
    return value != nullptr ? *value : "";
}

/// stdout; a file that appears under its name when it is complete; or what is no regular file, written as it
/// is.
class Output {
  public:
    explicit Output(const std::string& path) : path_(path) {
        struct stat status {};
        if (path_.empty() || path_ == "-") {
            path_.clear();
            fd_ =
                UniqueFd{check(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), "use", "stdout")};
            refuse_terminal();
        } else if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
            fd_ = UniqueFd{check(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY), "write", path_)};
            refuse_terminal();
        } else {
            temporary_ = path_ + ".tmp." + std::to_string(::getpid());
            fd_ = UniqueFd{
                check(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666),
                      "create", temporary_)};
        }
    }
    ~Output() {
        if (!temporary_.empty()) {
            (void)::unlink(temporary_.c_str()); // the failure that leads here is being reported
        }
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// From here on the file is there under its name, also after a loss of power.
    void complete() {
        if (temporary_.empty()) {
            return;
        }
        check(::fsync(fd_.get()), "write", temporary_);
        check(::rename(temporary_.c_str(), path_.c_str()), "rename to", path_);
        temporary_.clear();
    }

  private:
    void refuse_terminal() const {
        if (::isatty(fd_.get()) == 1) {
            throw UsageError("export", "a tar is nothing for a terminal",
                             "name a file with -o FILE, or send stdout to one");
        }
    }

    std::string path_;
    std::string temporary_; ///< while there is one
    UniqueFd fd_;
};

} // namespace

int export_image(const Invocation& invocation, const Environment& caller) {
    const Log log{invocation.log_level};
    const HostFacts host = look_at_host(variable(caller, "HOME"));
    const std::string store_path = store_path_of(invocation, caller, host.home);
    std::optional<Store> store;
    if (::access(store_path.c_str(), F_OK) == 0) {
        store.emplace(store_path);
    }
    const std::optional<Store> shared = open_shared_store(invocation);
    Image image =
        identify_image(invocation.spec.sandbox.image, store ? &*store : nullptr, shared ? &*shared : nullptr);
    if (image.kind == ImageKind::host) {
        throw UsageError(image.name, "this machine's own root is not exported",
                         "name an image: a stored one, a tar, or a directory that holds a root");
    }
    Output output{invocation.output};
    const bool single = invocation.spec.sandbox.user_namespace == UserNamespace::single;
    const MappingRequest wanted{host.uid,
                                host.gid,
                                single ? MapKind::single_root : MapKind::root_is_you,
                                invocation.spec.sandbox.use_domain,
                                false,
                                store_path};
    const TreeMapping trees{wanted, mapping_for_trees(wanted, prepare_mapping(wanted, log))};
    if (image.kind == ImageKind::tree) {
        if (!store) {
            store.emplace(store_path);
        }
        provide_tree(image, *store, trees, log);
    }
    export_layers(image.name, image.layers, trees.mapping, output.fd(), log);
    output.complete();
    return 0;
}

} // namespace sandbox
