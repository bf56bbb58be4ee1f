// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package conformance pins crictl and critest: its imports make go.mod list the modules that they need.
package conformance

import (
	_ "sigs.k8s.io/cri-tools/cmd/crictl"
	_ "sigs.k8s.io/cri-tools/pkg/benchmark"
	_ "sigs.k8s.io/cri-tools/pkg/validate"
)
