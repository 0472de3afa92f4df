// SPDX-License-Identifier: Apache-2.0
// StartTransientUnit of org.freedesktop.systemd1, and the signal that tells its job's end.
// https://www.freedesktop.org/wiki/Software/systemd/ControlGroupInterface/
#include "aid/scope.hpp"

#include <systemd/sd-bus.h>

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/confine.hpp"

namespace sandbox::aid {

namespace {

constexpr const char* service = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager = "org.freedesktop.systemd1.Manager";
constexpr std::uint64_t patience = 10'000'000; // microseconds

struct ReleaseBus {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};
struct ReleaseMessage {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
struct ReleaseSlot {
    void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};
using Bus = std::unique_ptr<sd_bus, ReleaseBus>;
using Message = std::unique_ptr<sd_bus_message, ReleaseMessage>;
using Slot = std::unique_ptr<sd_bus_slot, ReleaseSlot>;

[[noreturn]] void fail(int code, const char* action) {
    throw SystemError(code < 0 ? -code : code, action, "a scope of the user's systemd",
                      "loginctl shows whether you have a session");
}

void require(int result, const char* action) {
    if (result < 0) {
        fail(result, action);
    }
}

/// What JobRemoved told of our job.
struct Job {
    std::string path;
    std::string result;
};

int take_job_end(sd_bus_message* message, void* data, sd_bus_error* /*error*/) {
    auto* const job = static_cast<Job*>(data);
    std::uint32_t id = 0;
    const char* path = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) >= 0 && job->path == path) {
        job->result = result;
    }
    return 0;
}

Bus open_user_bus() {
    sd_bus* bus = nullptr;
    require(sd_bus_open_user(&bus), "reach");
    return Bus{bus};
}

Message describe_scope(sd_bus* bus, const std::string& name, pid_t pid) {
    sd_bus_message* raw = nullptr;
    require(sd_bus_message_new_method_call(bus, &raw, service, manager_path, manager, "StartTransientUnit"),
            "ask for");
    Message message{raw};
    require(sd_bus_message_append(raw, "ss", name.c_str(), "fail"), "ask for");
    require(sd_bus_message_open_container(raw, 'a', "(sv)"), "ask for");
    require(sd_bus_message_append(raw, "(sv)", "Description", "s", "a sandbox"), "ask for");
    require(sd_bus_message_append(raw, "(sv)", "PIDs", "au", 1, static_cast<std::uint32_t>(pid)), "ask for");
    require(sd_bus_message_append(raw, "(sv)", "Delegate", "b", 1), "ask for");
    require(sd_bus_message_append(raw, "(sv)", "CollectMode", "s", "inactive-or-failed"), "ask for");
    require(sd_bus_message_close_container(raw), "ask for");
    require(sd_bus_message_append(raw, "a(sa(sv))", 0), "ask for");
    return message;
}

std::string start_scope(sd_bus* bus, pid_t pid) {
    const Message request = describe_scope(bus, "sandbox-" + std::to_string(pid) + ".scope", pid);
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message* raw = nullptr;
    const int result = sd_bus_call(bus, request.get(), patience, &error, &raw);
    const Message reply{raw};
    if (result < 0) {
        const std::string reason = error.message != nullptr ? printable(error.message) : error_text(-result);
        sd_bus_error_free(&error);
        throw Error("the user's systemd", "refuses a scope: " + reason);
    }
    const char* job = nullptr;
    require(sd_bus_message_read(raw, "o", &job), "read the answer about");
    return job;
}

} // namespace

void make_scope(pid_t pid) {
    const Bus bus = open_user_bus();
    (void)landlock_restrict(false); // the bus is all that it needs; an older kernel does without
    Job job;
    sd_bus_slot* raw = nullptr;
    require(sd_bus_match_signal(bus.get(), &raw, service, manager_path, manager, "JobRemoved", take_job_end,
                                &job),
            "watch");
    const Slot slot{raw};
    require(sd_bus_call_method(bus.get(), service, manager_path, manager, "Subscribe", nullptr, nullptr, ""),
            "watch");
    job.path = start_scope(bus.get(), pid);
    while (job.result.empty()) {
        const int done = sd_bus_process(bus.get(), nullptr);
        require(done, "wait for");
        if (done == 0) {
            const int woken = sd_bus_wait(bus.get(), patience);
            require(woken, "wait for");
            if (woken == 0) {
                fail(ETIMEDOUT, "wait for");
            }
        }
    }
    if (job.result != "done") {
        throw Error("the user's systemd", "could not make a scope: " + printable(job.result));
    }
}

} // namespace sandbox::aid
