# SPDX-License-Identifier: Apache-2.0
# Default attestation policy for CPUs: which claims of verified evidence the owner endorses.
#
# The result is an AR4SI trustworthiness vector (draft-ietf-rats-ar4si): 2 to 31 affirm, 32 to 95 warn, 96 and
# more contraindicate, 0 asserts nothing. Without reference values nothing is affirmed: a query for a name that
# nobody registered, or whose value has expired, gives null.
#
# `reasons` says in words what stands in the way of "affirming"; it goes to the log and to refused clients.
package policy

import rego.v1

default executables := 33

default hardware := 97

default configuration := 36

trust_claims := {
	"instance-identity": 0,
	"configuration": configuration,
	"executables": executables,
	"file-system": 0,
	"hardware": hardware,
	"runtime-opaque": 0,
	"storage-opaque": 0,
	"sourced-data": 0,
}

endorsed(value, name) if value in query_reference_value(name)

not_endorsed(what, value, name) := sprintf("%s %v is not endorsed (reference value %s)", [what, value, name])

# Arm CCA. The verifier has checked both signatures, the binding of the realm key and the challenge.
# Byte strings are standard base64, in claims as in reference values.

executables := 3 if {
	endorsed(input.cca.realm["cca-realm-initial-measurement"], "cca_realm_initial_measurement")
}

# The personalization value is the digest of the initdata: configuration and policy of the guest.
configuration := 2 if {
	endorsed(input.cca.realm["cca-realm-personalization-value"], "cca_realm_personalization_value")
}

hardware := 2 if {
	input.cca.platform["cca-platform-lifecycle-state"] == "secured"
	endorsed(input.cca.platform["cca-platform-implementation-id"], "cca_platform_implementation_id")
	components := input.cca.platform["cca-platform-sw-components"]
	count(components) > 0
	every component in components {
		endorsed(component["measurement-value"], "cca_platform_sw_component")
	}
}

reasons contains reason if {
	value := input.cca.realm["cca-realm-initial-measurement"]
	not endorsed(value, "cca_realm_initial_measurement")
	reason := not_endorsed("realm initial measurement", value, "cca_realm_initial_measurement")
}

reasons contains reason if {
	value := input.cca.realm["cca-realm-personalization-value"]
	not endorsed(value, "cca_realm_personalization_value")
	reason := not_endorsed("initdata digest (personalization value)", value, "cca_realm_personalization_value")
}

reasons contains reason if {
	state := input.cca.platform["cca-platform-lifecycle-state"]
	state != "secured"
	reason := sprintf("platform lifecycle is %s, not secured", [state])
}

reasons contains reason if {
	value := input.cca.platform["cca-platform-implementation-id"]
	not endorsed(value, "cca_platform_implementation_id")
	reason := not_endorsed("platform implementation", value, "cca_platform_implementation_id")
}

reasons contains reason if {
	some component in input.cca.platform["cca-platform-sw-components"]
	value := component["measurement-value"]
	not endorsed(value, "cca_platform_sw_component")
	what := sprintf("platform firmware %v", [object.get(component, "component-type", "component")])
	reason := not_endorsed(what, value, "cca_platform_sw_component")
}

# The sample TEE (development): evidence that anybody can write. Names of reference values are upstream's.

executables := 3 if endorsed(input.sample.launch_digest, "launch_digest")

hardware := 2 if {
	endorsed(input.sample.svn, "svn")
	input.sample.platform_version.major == query_reference_value("major_version")
	input.sample.platform_version.minor >= query_reference_value("minimum_minor_version")
}

configuration := 2 if input.sample.debug == false

reasons contains reason if {
	value := input.sample.launch_digest
	not endorsed(value, "launch_digest")
	reason := not_endorsed("sample measurement", value, "launch_digest")
}

reasons contains reason if {
	value := input.sample.svn
	not endorsed(value, "svn")
	reason := not_endorsed("sample security version", value, "svn")
}

reasons contains reason if {
	value := input.sample.platform_version.major
	query_reference_value("major_version") != value
	reason := not_endorsed("sample platform major version", value, "major_version")
}

reasons contains reason if {
	value := input.sample.platform_version.minor
	not minor_version_endorsed
	reason := not_endorsed("sample platform minor version", value, "minimum_minor_version")
}

minor_version_endorsed if {
	minimum := query_reference_value("minimum_minor_version")
	is_number(minimum)
	input.sample.platform_version.minor >= minimum
}
