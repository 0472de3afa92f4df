// SPDX-License-Identifier: Apache-2.0
// What to do where the surroundings of a start forbid a step of it: for a start and for the doctor.
#pragma once

namespace sandbox {

inline constexpr const char* masked_proc_hint =
    "inside another sandbox: start that one with --nested; in a container: give it an unmasked /proc (podman "
    "run "
    "--security-opt unmask=ALL, docker run --security-opt systempaths=unconfined)";

inline constexpr const char* system_call_filter_hint =
    "in a container: take its system-call filter away (podman and docker run --security-opt "
    "seccomp=unconfined)";

} // namespace sandbox
