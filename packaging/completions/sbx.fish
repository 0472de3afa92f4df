# SPDX-License-Identifier: Apache-2.0
# sbx is another name of sandbox.
complete -c sbx -w sandbox
