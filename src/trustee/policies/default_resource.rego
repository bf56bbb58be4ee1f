# SPDX-License-Identifier: Apache-2.0
# Default resource policy: resources go to guests whose every part was affirmed by the attestation policy.
#
# input: the claims of the attestation token; data: {"plugin", "resource-path": [...], "query": {...}}.
package policy

import rego.v1

default allow := false

allow if {
	data.plugin == "resource"
	count(input.submods) > 0
	every submod in input.submods {
		submod["ear.status"] == "affirming"
	}
}
