// SPDX-License-Identifier: Apache-2.0
// sandbox: the only place that prints an error, and exits.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <exception>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "build.hpp"
#include "cli/cli.hpp"
#include "doctor/doctor.hpp"
#include "export.hpp"
#include "host/host_facts.hpp"
#include "image/image.hpp"
#include "image/store.hpp"
#include "linux/syscalls.hpp"
#include "start.hpp"

namespace sandbox {

namespace {

constexpr int status_failed = 125;

/// Makes every descriptor up to `last` taken: what is opened later must not get a number that the command is
/// to inherit. The three standard ones stay open for it, the others close when it starts.
void fill_descriptors(unsigned last) {
    while (true) {
        const int fd = ::open("/dev/null", O_RDWR);
        if (fd < 0 || fd > static_cast<int>(last)) {
            (void)::close(fd);
            return;
        }
        if (fd > STDERR_FILENO) {
            (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }
}

/// Whether this is not the file that its own path names here. The command of an image may be /proc/self/exe,
/// or a script that starts with "#!/proc/self/exe run": then the kernel starts the host's `sandbox` inside,
/// and what that starts from the image's /usr/bin finds the host's file, writable, behind /proc/PPID/exe.
/// CVE-2019-5736.
bool is_foreign_here() noexcept {
    char path[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path - 1);
    struct statx self {};
    struct statx named {};
    if (length < 0 || ::statx(AT_FDCWD, "/proc/self/exe", 0, STATX_INO | STATX_MNT_ID, &self) < 0) {
        return false; // no /proc, so nothing behind it
    }
    path[length] = '\0';
    return ::statx(AT_FDCWD, path, 0, STATX_INO | STATX_MNT_ID, &named) < 0 ||
           self.stx_ino != named.stx_ino || self.stx_mnt_id != named.stx_mnt_id;
}

std::string working_directory() {
    char path[4096];
    return ::getcwd(path, sizeof path) != nullptr && path[0] == '/' ? path : "";
}

/// @return 0 where the main job works, 1 where it does not
int run_doctor(const Invocation& invocation, const Environment& caller) {
    const std::string* home = caller.find("HOME");
    const HostFacts host = look_at_host(home != nullptr ? *home : "");
    const auto variable = [&](const char* name) {
        const std::string* value = caller.find(name);
        return value != nullptr ? *value : std::string{};
    };
    const std::vector<Finding> findings =
        examine_host(store_path_of(invocation, caller, host.home),
                     {variable("XDG_RUNTIME_DIR"), variable("DBUS_SESSION_BUS_ADDRESS")});
    write_all(STDOUT_FILENO, invocation.spec.json ? findings_json(findings) : findings_text(findings),
              "stdout");
    return main_job_works(findings) ? 0 : 1;
}

int run_invocation(const std::vector<std::string>& arguments) {
    const Environment caller = environment_of_caller(environ);
    const auto variable = [&](const char* name) {
        const std::string* value = caller.find(name);
        return value != nullptr ? *value : std::string{};
    };
    const Invocation invocation = parse_invocation(
        arguments, {working_directory()}, user_config_path(variable("XDG_CONFIG_HOME"), variable("HOME")));
    if (invocation.command == "version") {
        write_all(STDOUT_FILENO, "sandbox " SANDBOX_VERSION "\n", "stdout");
        return 0;
    }
    if (invocation.command == "help") {
        write_all(STDOUT_FILENO, help_text(invocation.topic), "stdout");
        return 0;
    }
    const CommandKind kind = find_command(invocation.command)->kind;
    if (kind == CommandKind::doctor) {
        return run_doctor(invocation, caller);
    }
    if (kind != CommandKind::start && kind != CommandKind::build) {
        check(sys::cloexec_from(3), "close", "inherited descriptors");
        return kind == CommandKind::pack ? export_image(invocation, caller)
                                         : run_store_command(invocation, caller);
    }
    fill_descriptors(STDERR_FILENO + invocation.spec.process.preserved_fds);
    // What the caller left open beyond these is nobody's business below.
    check(sys::cloexec_from(3 + invocation.spec.process.preserved_fds), "close", "inherited descriptors");
    return kind == CommandKind::build ? run_build(invocation, caller) : start_sandbox(invocation, caller);
}

void print_error(const Error& error) {
    // Names in it may be a stranger's: nothing in them drives the terminal.
    std::string text = "sandbox: " + printable(error.what()) + "\n";
    if (!error.hint().empty()) {
        text += "hint: " + printable(error.hint()) + "\n";
    }
    (void)!::write(STDERR_FILENO, text.data(), text.size()); // nowhere else to say it
}

} // namespace

} // namespace sandbox

int main(int argc, char** argv) {
    using namespace sandbox;
    if (is_foreign_here()) {
        print_error(
            Error("sandbox", "started under a name that is not its own here: refused (CVE-2019-5736)"));
        ::_exit(126);
    }
    // Inherited as ignored it would have the kernel reap our children, and none would be waited for. wait(2).
    (void)::signal(SIGCHLD, SIG_DFL);
    fill_descriptors(STDERR_FILENO);
    int status = status_failed;
    try {
        status = run_invocation({argv + (argc > 0 ? 1 : 0), argv + argc});
    } catch (const Interrupted& interrupted) {
        status = 128 + interrupted.signal;
    } catch (const Error& error) {
        print_error(error);
        status = error.exit_status();
    } catch (const std::exception& error) {
        print_error(Error("internal error", error.what()));
    }
    // All that matters has been closed and removed by its owner. What is left are the C and C++ libraries'
    // own ends, which would touch two dozen pages to free what the kernel frees anyway.
    ::_exit(status);
}
