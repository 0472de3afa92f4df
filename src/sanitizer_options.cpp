// SPDX-License-Identifier: Apache-2.0
// Only in builds with AddressSanitizer, in the helper programs: looking for leaks takes a tracer, which their
// system-call filters forbid.

// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer's own name for it
extern "C" const char* __asan_default_options() {
    return "detect_leaks=0";
}
