// Package privileged is for tests that need root: they make network namespaces
// and load rulesets. Skips are counted: `make test` asserts their number.
package privileged

import (
	"os"
	"testing"
)

// Need skips the test unless it runs as root.
func Need(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces")
	}
}
