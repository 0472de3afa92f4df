// SPDX-License-Identifier: Apache-2.0
// The mounts that a request asks for, as steps.
#include "plan/root_mounts.hpp"

#include <sys/mount.h>

#include "base/text.hpp"

namespace sandbox {

namespace {

Step bind_step(const BindMount& bind, const BindSource& source, TextKeeper& texts) {
    Step step;
    step.kind = StepKind::bind;
    step.source = texts.keep(source.path);
    step.target = texts.keep(bind.target);
    step.source_device = source.device;
    step.source_inode = source.inode;
    step.behaviour = step_recursive | (source.is_directory ? 0U : std::uint32_t{step_create_file});
    step.mount_flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (bind.read_only ? MOUNT_ATTR_RDONLY : 0U);
    step.option = texts.keep(bind.option);
    return step;
}

Step tmpfs_step(const TmpfsMount& tmpfs, TextKeeper& texts) {
    Step step;
    step.kind = StepKind::file_system;
    step.source = "tmpfs";
    step.target = texts.keep(tmpfs.target);
    step.mount_flags = MS_NOSUID | MS_NODEV;
    char mode[8];
    (void)std::snprintf(mode, sizeof mode, "%04o", tmpfs.mode);
    std::string options = std::string{"mode="} + mode;
    if (tmpfs.size != 0) {
        options += ",size=" + std::to_string(tmpfs.size);
    }
    step.options = texts.keep(std::move(options));
    step.option = texts.keep("--tmpfs " + printable(tmpfs.target));
    return step;
}

Step workspace_step(const OverlayMount& overlay, const BindSource& source, TextKeeper& texts) {
    Step step;
    step.kind = StepKind::workspace;
    step.source = texts.keep(source.path);
    step.target = texts.keep(overlay.target);
    step.source_device = source.device;
    step.source_inode = source.inode;
    step.mount_flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    step.option = texts.keep(overlay.option);
    return step;
}

Step host_part_step(const HostPart& part, bool traced, TextKeeper& texts) {
    Step step;
    step.target = texts.keep(part.path);
    if (!part.link.empty()) {
        step.kind = StepKind::symlink;
        step.source = texts.keep(part.link);
        return step;
    }
    step.source = step.target;
    // What is opened through a bind cannot be told from what others open: an overlay's files are its own.
    step.kind = traced ? StepKind::view : StepKind::bind;
    step.behaviour = traced ? 0U : std::uint32_t{step_recursive};
    step.mount_flags = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    return step;
}

} // namespace

void add_private_directories(const PlanInputs& inputs, const IdFacts& ids, TextKeeper& texts,
                             std::vector<Step>& steps) {
    const bool is_host =
        inputs.rootfs.storage == RootStorage::host_bind || inputs.rootfs.storage == RootStorage::host_parts;
    if (!is_host && !inputs.spec.sandbox.read_only) {
        return;
    }
    const std::string owner = ids.root_mapped ? ",uid=0,gid=0" : "";
    const std::pair<const char*, const char*> directories[] = {
        {"/run", "mode=0755"}, {"/tmp", "mode=1777"}, {"/var/tmp", "mode=1777"}};
    for (const auto& [path, mode] : directories) {
        Step step;
        step.kind = StepKind::file_system;
        step.source = "tmpfs";
        step.target = path;
        step.mount_flags = MS_NOSUID | MS_NODEV;
        step.options = texts.keep(mode + owner);
        step.behaviour = step_optional;
        steps.push_back(step);
    }
}

void add_home(const PlanInputs& inputs, TextKeeper& texts, std::vector<Step>& steps) {
    const std::string& home = inputs.host.home;
    if (inputs.rootfs.storage != RootStorage::host_bind || home.empty() || home == "/" ||
        inputs.spec.sandbox.home == HomeView::read_only) {
        return;
    }
    Step step;
    step.target = texts.keep(home);
    step.behaviour = step_optional;
    if (inputs.spec.sandbox.home == HomeView::read_write) {
        step.kind = StepKind::bind;
        step.source = step.target;
        step.behaviour |= step_recursive;
        step.mount_flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    } else {
        step.kind = StepKind::file_system;
        step.source = "tmpfs";
        step.mount_flags = MS_NOSUID | MS_NODEV;
        step.options = texts.keep("mode=0700,uid=" + std::to_string(inputs.user.uid) +
                                  ",gid=" + std::to_string(inputs.user.gid));
    }
    steps.push_back(step);
}

void add_timezone(const PlanInputs& inputs, TextKeeper& texts, std::vector<Step>& steps) {
    const std::string& zone = inputs.spec.sandbox.timezone;
    // Over a read-only root TZ in the environment says it; see environment of the command.
    if (zone.empty() || inputs.rootfs.storage == RootStorage::host_bind ||
        inputs.rootfs.storage == RootStorage::host_parts) {
        return;
    }
    Step step;
    step.kind = StepKind::bind;
    step.source = zone == "local" ? "/etc/localtime" : texts.keep("/usr/share/zoneinfo/" + zone);
    step.target = "/etc/localtime";
    step.behaviour = step_create_file | step_replace_symlink;
    step.mount_flags = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    step.option = texts.keep("--tz " + zone);
    steps.push_back(step);
}

void add_user_mounts(const PlanInputs& inputs, TextKeeper& texts, std::vector<Step>& steps) {
    std::size_t next_source = 0;
    for (const MountOperation& operation : inputs.spec.sandbox.mounts) {
        if (const auto* bind = std::get_if<BindMount>(&operation)) {
            steps.push_back(bind_step(*bind, inputs.bind_sources[next_source++], texts));
        } else if (const auto* tmpfs = std::get_if<TmpfsMount>(&operation)) {
            steps.push_back(tmpfs_step(*tmpfs, texts));
        } else {
            steps.push_back(
                workspace_step(std::get<OverlayMount>(operation), inputs.bind_sources[next_source++], texts));
        }
    }
}

void add_host_parts(const PlanInputs& inputs, TextKeeper& texts, std::vector<Step>& steps) {
    for (const HostPart& part : inputs.rootfs.host_parts) {
        steps.push_back(host_part_step(part, inputs.trace, texts));
    }
}

WorkspacePlan workspace_plan(const PlanInputs& inputs, TextKeeper& texts, std::vector<MaskEntry>& memory) {
    WorkspacePlan plan;
    if (!inputs.rootfs.workspace) {
        return plan;
    }
    plan.run_directory = texts.keep(inputs.rootfs.workspace->run_directory);
    plan.upper_on_tmpfs = inputs.rootfs.workspace->upper_on_tmpfs;
    for (const MountOperation& operation : inputs.spec.sandbox.mounts) {
        if (const auto* overlay = std::get_if<OverlayMount>(&operation)) {
            for (const HiddenEntry& entry : overlay->hidden) {
                memory.push_back({texts.keep(entry.path), entry.directory, entry.mode});
            }
        }
    }
    plan.mask = {memory.data(), memory.size()};
    return plan;
}

} // namespace sandbox
